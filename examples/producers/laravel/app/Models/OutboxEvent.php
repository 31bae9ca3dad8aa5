<?php

namespace App\Models;

use Illuminate\Database\Eloquent\Model;
use LogicException;

/**
 * An event that waits to be posted to Tidings.
 *
 *     DB::transaction(function () use ($project) {
 *         $project->save();
 *         OutboxEvent::record('project.updated', $project->organization_id, $project->toArray());
 *     });
 */
class OutboxEvent extends Model
{
    public $timestamps = false;

    protected $table = 'outbox';

    protected $guarded = ['id'];

    /**
     * Writes an event, in the transaction of the change that it is about.
     *
     * @param array|string $data what becomes a JSON object, or the text of one, which is sent as it is
     */
    public static function record(string $type, int $organizationId, $data, bool $public = false): self
    {
        $event = new self();
        if ($event->getConnection()->transactionLevel() === 0) {
            throw new LogicException('record() belongs into the transaction of the change that the event is about');
        }
        $event->fill([
            'type' => $type,
            'organization_id' => $organizationId,
            'public' => $public,
            'data' => is_string($data) ? $data : json_encode((object) $data, JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION),
        ])->save();

        return $event;
    }
}
