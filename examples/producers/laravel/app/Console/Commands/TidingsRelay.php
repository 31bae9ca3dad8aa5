<?php

namespace App\Console\Commands;

use Illuminate\Console\Command;
use Illuminate\Http\Client\ConnectionException;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Http;
use RuntimeException;

/**
 * Posts what stands in the outbox to Tidings until it is empty. In the scheduler:
 *
 *     $schedule->command('tidings:relay')->everyMinute()->runInBackground();
 *
 * Several at once do not disturb each other. config/services.php: 'tidings' => ['url' => env('TIDINGS_URL'), 'key' => env('TIDINGS_KEY')].
 */
class TidingsRelay extends Command
{
    // The server takes 1,000 events and 8 MiB at once.
    private const BATCH_EVENTS = 500;

    private const BATCH_BYTES = 4 << 20;

    // The database writes the event as JSON, so that the text in `data` stays as it is. Rows that another relay has are passed over.
    private const WAITING = "SELECT id, json_build_object('type', type, 'organization_id', organization_id, 'public', public,
            'data', data, 'idempotency_key', key)::text AS event
        FROM outbox WHERE refused IS NULL ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED";

    protected $signature = 'tidings:relay';

    protected $description = 'Post what stands in the outbox to Tidings';

    private bool $putOff = false;

    public function handle(): int
    {
        do {
            try {
                // If it dies before the commit the rows are still there, and posted again they are the same.
                $this->putOff = false;
                $taken = DB::transaction(function () {
                    return $this->relay();
                });
                if ($this->putOff) {
                    throw new TidingsLater(1);
                }
            } catch (TidingsLater $later) {
                sleep($later->seconds);
                $taken = 1;
            }
        } while ($taken > 0);

        return 0;
    }

    /** Posts one batch; how many rows it took. */
    private function relay(): int
    {
        $rows = $this->fitting(DB::select(self::WAITING, [self::BATCH_EVENTS]));
        $results = $rows === [] ? [] : $this->post($rows);
        foreach ($results as $place => $result) {
            $row = DB::table('outbox')->where('id', $rows[$place]->id);
            if (isset($result['id'])) {
                $row->delete();
            } elseif ($this->isForNow($result['error']['status'])) {
                // Its organization posts too fast: the row waits.
                $this->putOff = true;
            } else {
                $row->update(['refused' => $result['error']['code']]);
            }
        }

        return count($rows);
    }

    /** For each row its id at Tidings, or why it was refused. */
    private function post(array $rows): array
    {
        try {
            $answer = Http::withToken(config('services.tidings.key'))
                ->timeout(10)
                ->withBody('{"events":['.implode(',', array_column($rows, 'event')).']}', 'application/json')
                ->post(config('services.tidings.url').'/v1/events/batch');
        } catch (ConnectionException $gone) {
            throw new TidingsLater(5);
        }
        if ($answer->successful()) {
            return $answer->json('results');
        }
        if ($this->isForNow($answer->status())) {
            throw new TidingsLater((int) ($answer->header('Retry-After') ?: 5));
        }
        if (! in_array($answer->status(), [400, 413, 422], true)) {
            // The key, most likely: somebody must look.
            throw new RuntimeException($answer->status().': '.$answer->body());
        }
        if (count($rows) === 1) {
            return [['error' => $answer->json()]];
        }

        // One of them spoils the batch.
        return array_merge(...array_map(function ($row) {
            return $this->post([$row]);
        }, $rows));
    }

    private function isForNow(int $status): bool
    {
        return $status === 429 || $status >= 500;
    }

    private function fitting(array $rows): array
    {
        $size = 0;
        foreach ($rows as $place => $row) {
            $size += strlen($row->event);
            if ($size > self::BATCH_BYTES && $place > 0) {
                return array_slice($rows, 0, $place);
            }
        }

        return $rows;
    }
}
