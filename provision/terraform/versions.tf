# What this needs: Terraform or OpenTofu, and Hetzner's provider (DNS is in it since 1.54; before 1.58 it may crash).
terraform {
  required_version = ">= 1.9"

  required_providers {
    hcloud = {
      source  = "hetznercloud/hcloud"
      version = ">= 1.58, < 2.0"
    }
  }
}

provider "hcloud" {
  token = var.hcloud_token
}
