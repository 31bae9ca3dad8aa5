<?php

use Illuminate\Foundation\Providers;

return [
    'name' => 'producer',
    'env' => 'testing',
    'debug' => true,
    'timezone' => 'UTC',
    'locale' => 'en',
    'providers' => [
        Illuminate\Cache\CacheServiceProvider::class,
        Illuminate\Database\DatabaseServiceProvider::class,
        Illuminate\Filesystem\FilesystemServiceProvider::class,
        Illuminate\Queue\QueueServiceProvider::class,
        Illuminate\View\ViewServiceProvider::class,
        Providers\ConsoleSupportServiceProvider::class,
        Providers\FoundationServiceProvider::class,
    ],
];
