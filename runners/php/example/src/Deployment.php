<?php

declare(strict_types=1);

namespace App;

/** What the platform tells the app about itself, by environment variables. */
final class Deployment
{
    public function message(): string
    {
        return explode("\n", $this->variable('GIT_COMMIT_MESSAGE'))[0];
    }

    /** @return array<string, string> */
    public function facts(): array
    {
        return array_filter([
            'Commit' => substr($this->variable('GIT_COMMIT_SHA'), 0, 7),
            'Branch' => preg_replace('~^refs/heads/~', '', $this->variable('GIT_REF')),
            'Author' => $this->variable('GIT_COMMIT_AUTHOR'),
            'Environment' => $this->variable('ENVIRONMENT'),
            'Deployment' => substr($this->variable('DEPLOYMENT_ID'), 0, 7),
            'PHP' => PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION,
        ]);
    }

    private function variable(string $name): string
    {
        return getenv("DEVPUSH_$name") ?: '';
    }
}
