"""`benchmarks.screenshots`: a picture of every view, taken once the page says that it is drawn."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from aiohttp import web

from benchmarks.screenshots import address, arguments, taken

PAGE = """<!doctype html><title>t</title><link rel=icon href="data:,"><body><script>
if (location.hash === "#/bad") console.error("bad view");
setTimeout(() => { document.body.textContent = location.hash; document.body.dataset.ready = "true"; }, 50);
</script>"""


async def test_a_picture_of_each_view(chromium_path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        given = ["--url", url, "--views", "overview", "session:a/b", "--sizes", "390x844", "--schemes", "light", "dark"]
        assert await taken(url, chromium_path, tmp_path, arguments(given)) == 0
        files = sorted(path.name for path in tmp_path.iterdir())
        assert files == [f"{n}-390x844-{s}.png" for n in ("overview", "session_a_b") for s in ("dark", "light")]
        for file in tmp_path.iterdir():
            assert struct.unpack(">II", file.read_bytes()[16:24]) == (390, 844)
        given = ["--url", url, "--views", "bad", "--sizes", "390x844", "--schemes", "light"]
        assert await taken(url, chromium_path, tmp_path, arguments(given)) == 1
        assert "error: bad view" in capsys.readouterr().err
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        ("overview", "/#/"),
        ("sessions", "/#/sessions"),
        ("session:a/b <c>", "/#/session/a%2Fb%20%3Cc%3E"),
        ("#/spend", "/#/spend"),
    ],
)
def test_addresses(view: str, expected: str) -> None:
    assert address(view) == expected
