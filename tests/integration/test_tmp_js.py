import asyncio, re, shutil
import pytest
from dataclasses import replace
from hypercorn.asyncio import serve
from hypercorn.config import Config
from playwright.async_api import async_playwright, expect
from devpush.adapters.redis import RedisLive
from devpush.deploy import membership, teardown
from devpush.models import *
from tests import cast
from tests.conftest import free_port
from tests.visitor import Visitor, dashboard
pytestmark=[pytest.mark.usefixtures("db")]

async def test_js(world, redis_url):
    async with RedisLive(redis_url, "5712ea99") as live:
        world.live = live
        app = dashboard(world)
        port = free_port(); cfg = Config(); cfg.bind=[f"127.0.0.1:{port}"]
        stop = asyncio.Event()
        task = asyncio.create_task(serve(app, cfg, shutdown_trigger=stop.wait))
        await asyncio.sleep(1)
        bob, alice = await cast.bob(), await cast.alice()
        team = await cast.team_of(alice)
        async with async_playwright() as p:
            b = await p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox","--disable-gpu"])
            async def window(user):
                v = await Visitor(app).signed_in(user)
                c = await b.new_context(viewport={"width":1280,"height":860}); c.set_default_timeout(15000)
                await c.add_cookies([{"name":n,"value":val,"domain":"localhost","path":"/"} for n,val in v.cookies.items()])
                page = await c.new_page()
                page.on("console", lambda m: print("CONSOLE", m.type, m.text))
                page.on("pageerror", lambda e: print("ERR", e))
                return page
            hers, his = await window(alice), await window(bob)
            base=f"http://localhost:{port}"
            await hers.goto(base+"/teams/alice/settings"); await his.goto(base+"/teams/alice/settings")
            print("opened")
            await expect(his.locator("#invite-email")).to_have_count(0)
            await hers.get_by_role("combobox", name="Role of bob").select_option("admin")
            await expect(his.locator("#invite-email")).to_be_visible()
            await expect(hers.get_by_text("The role is changed.")).to_be_visible()
            print("promoted, page followed")
            await his.locator("#invite-email").fill("ev")
            await hers.get_by_role("combobox", name="Role of bob").select_option("member")
            await expect(his.get_by_text("what you typed here is not saved yet")).to_be_visible()
            print("typed is kept")
            await his.reload()
            # bell
            carol = await cast.carol(); ct = await cast.team_of(carol)
            await membership.invite(world, ct, "bob@example.com", Role.member, by=carol)
            await expect(his.locator("#bell .count")).to_have_text("1")
            await his.locator(".bell").click()
            await expect(his.get_by_text("carol invites you as member")).to_be_visible()
            await his.screenshot(path="/tmp/e_shots/real-bell.png")
            await his.get_by_role("button", name="Decline carol").click()
            await expect(his.get_by_text("Declined.")).to_be_visible()
            print("bell", his.url)
            # hers: invite with no mail shows link; list
            await hers.locator("#invite-email").fill("eve@example.com")
            await hers.get_by_role("button", name="Invite").click()
            await expect(hers.get_by_text("This server sends no mail.")).to_be_visible()
            await expect(hers.locator("#team-people").get_by_text("eve@example.com")).to_be_visible()
            await hers.screenshot(path="/tmp/e_shots/real-link.png", full_page=True)
            # removal
            await his.goto(base+"/teams/alice")
            await hers.get_by_role("button", name="Remove bob").click()
            await expect(hers.get_by_role("dialog")).to_contain_text("They lose sight")
            await hers.screenshot(path="/tmp/e_shots/real-confirm.png")
            await hers.get_by_role("dialog").get_by_role("button", name="Remove").click()
            await expect(hers.locator("#team-people").get_by_text("bob@example.com")).to_have_count(0)
            await expect(his.get_by_text("no longer yours to see")).to_be_visible()
            print("removed:", his.url)
            # leave by htmx: dora
            dora = await User.with_email("dora@example.com"); await Member.create(team=team,user=dora,role=Role.admin)
            d = await window(dora); await d.goto(base+"/teams/alice/settings")
            await d.get_by_role("button", name="Leave this team").click()
            await d.get_by_role("dialog").get_by_role("button", name="Leave").click()
            await expect(d.get_by_text("You have left alice.")).to_be_visible()
            await asyncio.sleep(1.5)
            assert await d.get_by_text("no longer yours").count() == 0
            print("left:", d.url)
            # self demotion
            await Member.create(team=team,user=dora,role=Role.owner)
            await d.goto(base+"/teams/alice/settings")
            await d.get_by_role("combobox", name="Role of dora").select_option("member")
            await expect(d.get_by_text("You are a member now.")).to_be_visible()
            await expect(d.locator("#invite-email")).to_have_count(0)
            print("demoted self")
            # account deleted elsewhere
            await teardown.remove_user(world, dora)
            await d.wait_for_url("**/auth/sign-in**")
            print("signed out:", d.url)
            # delete team
            await hers.reload()
            await hers.locator("#confirmation").fill("alice")
            await hers.get_by_role("button", name="Delete team").click()
            await expect(hers.get_by_text("You are in no team")).to_be_visible()
            print("deleted", hers.url)
            await b.close()
        stop.set(); await asyncio.wait_for(task, 20)
