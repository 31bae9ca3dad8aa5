<?php

return [
    'default' => 'pgsql',
    'migrations' => 'migrations',
    'connections' => ['pgsql' => ['driver' => 'pgsql', 'url' => getenv('DATABASE_URL'), 'charset' => 'utf8', 'prefix' => '']],
];
