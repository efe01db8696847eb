# What you say, in terraform.tfvars. The first five have no default.
variable "hcloud_token" {
  description = "API token of the Hetzner Cloud project, which may read and write. Better given as TF_VAR_hcloud_token than in a file."
  type        = string
  sensitive   = true

  validation {
    condition     = length(var.hcloud_token) == 64
    error_message = "A token of Hetzner Cloud has 64 characters. Make one in the project, under Security, API tokens."
  }
}

variable "hostname" {
  description = "Where the dashboard answers."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,}$", var.hostname))
    error_message = "The dashboard's hostname is a name like push.example.com, in lower case."
  }
}

variable "deploy_domain" {
  description = "Apps answer as <project>.<deploy_domain>."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,}$", var.deploy_domain))
    error_message = "The apps' domain is a name like apps.example.com, in lower case and without *."
  }
}

variable "email" {
  description = "Who Let's Encrypt writes to."
  type        = string

  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.email))
    error_message = "Let's Encrypt wants an e-mail address that somebody reads."
  }
}

variable "ssh_keys" {
  description = "Public SSH keys that let the operator in, ones that the Hetzner project doesn't have yet."
  type        = list(string)

  validation {
    condition     = length(var.ssh_keys) > 0 && alltrue([for key in var.ssh_keys : can(regex("^(ssh-|ecdsa-|sk-)[^\\s]+ AAAA", key))])
    error_message = "Give at least one public key, as it stands in ~/.ssh/id_ed25519.pub. (A private key never belongs here.)"
  }
}

variable "operator" {
  description = "The user on the server whom the keys let in."
  type        = string
  default     = "deploy"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}$", var.operator)) && var.operator != "root"
    error_message = "The operator is a user of their own: lower case letters, digits and hyphens, and not root."
  }
}

variable "ssh_from" {
  description = "From where SSH is open, as networks. From everywhere, unless you have a fixed address: keys are all that lets anybody in."
  type        = list(string)
  default     = ["0.0.0.0/0", "::/0"]

  validation {
    condition     = length(var.ssh_from) > 0 && alltrue([for network in var.ssh_from : can(cidrhost(network, 0))])
    error_message = "Networks are written like 203.0.113.7/32 or 2001:db8::/32, and there is at least one."
  }
}

variable "name" {
  description = "What the server and its firewall are called."
  type        = string
  default     = "devpush"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,61}[a-z0-9]$", var.name))
    error_message = "The name becomes the server's: lower case letters, digits and hyphens."
  }
}

variable "server_type" {
  description = "2 GB of memory and 20 GB of disk are the least; builds and apps come on top."
  type        = string
  default     = "cx23"
}

variable "location" {
  description = "Where it stands: fsn1, nbg1, hel1 …"
  type        = string
  default     = "nbg1"
}

variable "image" {
  description = "The system on it."
  type        = string
  default     = "debian-13"

  validation {
    condition     = contains(["debian-12", "debian-13", "ubuntu-22.04", "ubuntu-24.04"], var.image)
    error_message = "The platform is at home on debian-12, debian-13, ubuntu-22.04 and ubuntu-24.04."
  }
}

variable "dns_zone" {
  description = "The zone at Hetzner DNS that both names are in, e.g. example.com. Empty: make the records where your DNS is."
  type        = string
  default     = ""

  validation {
    condition = var.dns_zone == "" || alltrue([
      for host in [var.hostname, var.deploy_domain] : host == var.dns_zone || endswith(host, ".${var.dns_zone}")
    ])
    error_message = "The dashboard's hostname and the apps' domain must both be in the zone."
  }
}

variable "backups" {
  description = "Hetzner's daily images of the whole server, for a fifth of its price. The platform's own backups are apart from them."
  type        = bool
  default     = false
}

variable "protected" {
  description = "Whether the server can't be deleted or rebuilt. To delete it, apply false first."
  type        = bool
  default     = true
}

variable "repository" {
  description = "Where Ansible gets the platform's code from. Only written into the inventory."
  type        = string
  default     = "https://github.com/your-team/devpush.git"
}
