<?php

namespace App\Console\Commands;

use RuntimeException;

/** Tidings does not take events now; the same again is safe, since every event has its key. */
class TidingsLater extends RuntimeException
{
    public int $seconds;

    public function __construct(int $seconds)
    {
        parent::__construct("in $seconds s");
        $this->seconds = $seconds;
    }
}
