<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>Live · PHP on /dev/push</title>
  <link rel="icon" href="/icon.svg">
  <link rel="stylesheet" href="/style.css">
</head>
<body>
  <main>
    <p class="status"><span class="dot"></span>Live</p>
    <h1>Your PHP app is running.</h1>
    <p class="lead"><?php if ($message = $deployment->message()): ?>This is <q><?= htmlspecialchars($message) ?></q>. <?php endif ?>Push another commit, and the next
      version takes its place here without a pause.</p>
    <dl>
<?php foreach ($deployment->facts() as $name => $value): ?>
      <div><dt><?= $name ?></dt><dd><?= htmlspecialchars($value) ?></dd></div>
<?php endforeach ?>
    </dl>
    <p class="links">
      <a href="/health">Health check</a>
    </p>
  </main>
</body>
</html>
