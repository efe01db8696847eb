"""Prints the page with its style sheet inside; {message} and {facts} are filled in when it is asked for."""

import platform
from pathlib import Path

STYLE = " ".join(Path("style.css").read_text().split())

print(f"""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>Live · Dockerfile on /dev/push</title>
  <link rel="icon" href="icon.svg">
  <style>{STYLE}</style>
</head>
<body>
  <main>
    <p class="status"><span class="dot"></span>Live</p>
    <h1>Your image is running.</h1>
    <p class="lead"><!-- message -->Push another commit, and the next
      version takes its place here without a pause.</p>
    <dl>
      <!-- facts -->
      <div><dt>Built with</dt><dd>Python {platform.python_version()}</dd></div>
    </dl>
    <p class="links">
      <a href="health">Health check</a>
    </p>
  </main>
</body>
</html>""")
