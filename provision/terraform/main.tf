# A server at Hetzner with its firewall and, if the zone is there, its DNS records.
locals {
  everywhere = ["0.0.0.0/0", "::/0"]
  open = {
    SSH   = { port = "22", from = var.ssh_from }
    HTTP  = { port = "80", from = local.everywhere }
    HTTPS = { port = "443", from = local.everywhere }
  }
  hosts   = toset([var.hostname, var.deploy_domain, "*.${var.deploy_domain}"])
  records = { for host in local.hosts : host => host == var.dns_zone ? "@" : trimsuffix(host, ".${var.dns_zone}") }
}

# With a key of the project's, no password of root's is made and mailed.
resource "hcloud_ssh_key" "operator" {
  count      = length(var.ssh_keys)
  name       = "${var.name}-${count.index + 1}"
  public_key = var.ssh_keys[count.index]
}

resource "hcloud_firewall" "web" {
  name = var.name

  rule {
    description = "ping"
    direction   = "in"
    protocol    = "icmp"
    source_ips  = local.everywhere
  }

  dynamic "rule" {
    for_each = local.open

    content {
      description = rule.key
      direction   = "in"
      protocol    = "tcp"
      port        = rule.value.port
      source_ips  = rule.value.from
    }
  }
}

resource "hcloud_server" "platform" {
  name               = var.name
  server_type        = var.server_type
  image              = var.image
  location           = var.location
  ssh_keys           = hcloud_ssh_key.operator[*].id
  firewall_ids       = [hcloud_firewall.web.id]
  backups            = var.backups
  delete_protection  = var.protected
  rebuild_protection = var.protected

  user_data = templatefile("${path.module}/cloud-init.yaml", {
    operator = jsonencode(var.operator)
    keys     = jsonencode([for key in var.ssh_keys : trimspace(key)])
  })

  public_net {
    ipv4_enabled = true
    ipv6_enabled = true
  }

  # What counts at its birth only. Another key or image would mean another server, and this one has people's apps on it.
  lifecycle {
    ignore_changes = [image, ssh_keys, user_data]
  }
}

resource "hcloud_zone_rrset" "names" {
  for_each = var.dns_zone == "" ? {} : local.records

  zone    = var.dns_zone
  name    = each.value
  type    = "A"
  ttl     = 300
  records = [{ value = hcloud_server.platform.ipv4_address }]
}
