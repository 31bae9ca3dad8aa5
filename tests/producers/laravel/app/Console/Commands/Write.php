<?php

namespace App\Console\Commands;

use App\Models\OutboxEvent;
use Illuminate\Console\Command;
use Illuminate\Support\Facades\DB;
use LogicException;
use RuntimeException;

/** Writes what standard input lists ([type, organization, data, kept]), each in a transaction of its own. */
class Write extends Command
{
    protected $signature = 'write';

    public function handle(): int
    {
        foreach (json_decode(stream_get_contents(STDIN), true) as [$type, $organization, $data, $kept]) {
            try {
                DB::transaction(function () use ($type, $organization, $data, $kept) {
                    OutboxEvent::record($type, $organization, $data);
                    if (! $kept) {
                        throw new RuntimeException('taken back');
                    }
                });
            } catch (RuntimeException $taken) {
                if ($taken->getMessage() !== 'taken back') {
                    throw $taken;
                }
            }
        }
        try {
            OutboxEvent::record('project.updated', 1, []);
        } catch (LogicException $refused) {
            return 0;
        }

        return 1;
    }
}
