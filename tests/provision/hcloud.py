"""Hetzner's provider for tests, as far as provision/terraform uses it: documented arguments, made-up answers.

Terraform starts it by a file called terraform-provider-hcloud, which test_terraform.py makes. The real one comes from a
registry that isn't reached from everywhere.
"""

from typing import Any, ClassVar

from tf import iface, schema, types, utils
from tf.blocks import SetNestedBlock
from tf.runner import run_provider


class Records(types.TfType):  # type: ignore[misc]
    """A list of objects: `records` of a record set."""

    def encode(self, value: Any) -> Any:
        return value

    def decode(self, value: Any) -> Any:
        return value

    def semantically_equal(self, a_decoded: Any, b_decoded: Any) -> bool:
        return bool(a_decoded == b_decoded)

    def tf_type(self) -> bytes:
        return b'["list",["object",{"value":"string"}]]'


TEXT, FLAG, NUMBER = types.String(), types.Bool(), types.Number()
TEXTS, LABELS = types.List(TEXT), types.Map(TEXT)


def needed(kind: types.TfType, *names: str) -> list[schema.Attribute]:
    return [schema.Attribute(name, kind, required=True) for name in names]


def optional(kind: types.TfType, *names: str) -> list[schema.Attribute]:
    return [schema.Attribute(name, kind, optional=True) for name in names]


def answered(*names: str) -> list[schema.Attribute]:
    return [schema.Attribute(name, TEXT, computed=True) for name in names]


class Resource(iface.Resource):  # type: ignore[misc]
    """Whatever is asked for is there at once."""

    name: ClassVar[str]
    schema: ClassVar[schema.Schema]
    answers: ClassVar[dict[str, str]]

    def __init__(self, provider: "HCloud") -> None:
        pass

    @classmethod
    def get_name(cls) -> str:
        return cls.name

    @classmethod
    def get_schema(cls) -> schema.Schema:
        return cls.schema

    def validate(self, diags: utils.Diagnostics, type_name: str, config: dict[str, Any]) -> None:
        pass

    def plan(self, ctx: iface.PlanContext, current: Any, planned: dict[str, Any]) -> dict[str, Any]:
        return planned

    def create(self, ctx: iface.CreateContext, planned: dict[str, Any]) -> dict[str, Any]:
        return {**planned, **self.answers}

    def read(self, ctx: iface.ReadContext, current: dict[str, Any]) -> dict[str, Any]:
        return current

    def update(self, ctx: iface.UpdateContext, current: Any, planned: dict[str, Any]) -> dict[str, Any]:
        return planned

    def delete(self, ctx: iface.DeleteContext, current: Any) -> None:
        pass


class SshKey(Resource):
    name = "ssh_key"
    schema = schema.Schema(
        attributes=[*needed(TEXT, "name", "public_key"), *optional(LABELS, "labels"), *answered("id", "fingerprint")]
    )
    answers: ClassVar = {"id": "1", "fingerprint": "ab:cd"}


class Firewall(Resource):
    name = "firewall"
    rule = schema.Block(
        attributes=[
            *needed(TEXT, "direction", "protocol"),
            *optional(TEXT, "port", "description"),
            *optional(TEXTS, "source_ips", "destination_ips"),
        ]
    )
    schema = schema.Schema(
        attributes=[*optional(TEXT, "name"), *optional(LABELS, "labels"), *answered("id")],
        block_types=[SetNestedBlock("rule", rule)],
    )
    answers: ClassVar = {"id": "2"}


class Server(Resource):
    name = "server"
    public_net = schema.Block(
        attributes=[*optional(FLAG, "ipv4_enabled", "ipv6_enabled"), *optional(NUMBER, "ipv4", "ipv6")]
    )
    schema = schema.Schema(
        attributes=[
            *needed(TEXT, "name", "server_type"),
            *optional(TEXT, "image", "location", "user_data", "iso", "rescue"),
            *optional(TEXTS, "ssh_keys"),
            *optional(types.Set(NUMBER), "firewall_ids"),
            *optional(LABELS, "labels"),
            *optional(FLAG, "backups", "keep_disk", "delete_protection", "rebuild_protection"),
            *answered("id", "ipv4_address", "ipv6_address", "ipv6_network", "status"),
        ],
        block_types=[SetNestedBlock("public_net", public_net)],
    )
    answers: ClassVar = {
        "id": "3",
        "ipv4_address": "203.0.113.10",
        "ipv6_address": "2001:db8::1",
        "ipv6_network": "2001:db8::/64",
        "status": "running",
    }


class RecordSet(Resource):
    name = "zone_rrset"
    schema = schema.Schema(
        attributes=[
            *needed(TEXT, "zone", "name", "type"),
            *needed(Records(), "records"),
            *optional(NUMBER, "ttl"),
            *optional(LABELS, "labels"),
            *optional(FLAG, "change_protection"),
            *answered("id"),
        ]
    )
    answers: ClassVar = {"id": "4"}


class HCloud(iface.Provider):  # type: ignore[misc]
    def get_model_prefix(self) -> str:
        return "hcloud_"

    def full_name(self) -> str:
        return "registry.terraform.io/hetznercloud/hcloud"

    def get_provider_schema(self, diags: utils.Diagnostics) -> schema.Schema:
        return schema.Schema(attributes=[schema.Attribute("token", TEXT, optional=True, sensitive=True)])

    def validate_config(self, diags: utils.Diagnostics, config: dict[str, Any]) -> None:
        pass

    def configure_provider(self, diags: utils.Diagnostics, config: dict[str, Any]) -> None:
        pass

    def get_data_sources(self) -> list[type[iface.DataSource]]:
        return []

    def get_resources(self) -> list[type[iface.Resource]]:
        return [SshKey, Firewall, Server, RecordSet]


if __name__ == "__main__":
    run_provider(HCloud())
