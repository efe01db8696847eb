"""The fakes behave like what they stand for."""

from devpush.models import User
from devpush.ports import ContainerSpec, Limits
from tests import cast
from tests.fakes import Behaviour, FakeWorld, Ran


def spec(name: str, address: str | None = None) -> ContainerSpec:
    return ContainerSpec(
        name=name,
        image="runner",
        labels={"devpush.kind": "app"},
        limits=Limits(256, 100_000),
        network="net",
        address=address,
    )


async def test_the_cast_is_who_they_say(db: str) -> None:
    alice, bob, carol = await cast.alice(), await cast.bob(), await cast.carol()
    assert await User.all().count() == 3
    team = await cast.team_of(alice)
    assert {member.user_id for member in await team.members.all()} == {alice.id, bob.id}  # type: ignore[attr-defined]
    assert (await cast.team_of(carol)).id != team.id
    project = await cast.project()
    deployment = await cast.deployment(project, variables={"KEY": "value"})
    assert (await cast.production(project)).takes("main")
    assert deployment.number > 0


async def test_a_fake_container_lives_and_dies_like_a_real_one(world: FakeWorld) -> None:
    engine = world.containers
    engine.have_image("runner")
    engine.behave = lambda spec: Behaviour(
        output=["hello"],
        exits=3 if spec.name == "brief" else None,
        commands={"npm": Ran(1, ["no such file"])},
    )
    for name, address in (("lasting", "10.0.0.2"), ("brief", "10.0.0.3")):
        await engine.create(spec(name, address))
        await engine.start(name)
    assert (await engine.wait("brief")).code == 3
    assert await world.probe.status("10.0.0.2", "/") == 200
    assert await world.probe.status("10.0.0.3", "/") is None
    assert [line.text async for line in engine.logs("brief", follow=True)] == ["hello"]
    heard: list[str] = []
    ended = await engine.run("lasting", ["npm", "ci"], environment={}, on_output=lambda _, text: heard.append(text))
    assert (ended.code, heard) == (1, ["no such file"])
