# What comes next: `terraform output -raw inventory >../ansible/inventory`, and the records that Hetzner DNS has none of.
output "address" {
  description = "The server's address."
  value       = hcloud_server.platform.ipv4_address
}

output "address_v6" {
  description = "Its IPv6 address."
  value       = hcloud_server.platform.ipv6_address
}

output "records" {
  description = "DNS records that are still to be made. None, if Terraform made them."
  value       = var.dns_zone == "" ? [for host in sort(local.hosts) : "${host}. A ${hcloud_server.platform.ipv4_address}"] : []
}

output "inventory" {
  description = "Ansible's inventory."
  value = yamlencode({
    devpush = {
      hosts = {
        server = {
          ansible_host  = hcloud_server.platform.ipv4_address
          ansible_user  = var.operator
          operators     = [{ name = var.operator, keys = [for key in var.ssh_keys : trimspace(key)] }]
          repository    = var.repository
          hostname      = var.hostname
          deploy_domain = var.deploy_domain
          email         = var.email
        }
      }
    }
  })
}
