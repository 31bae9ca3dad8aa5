<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Schema;

/** The table of outbox.sql, which says what each column is for; its trigger is for relays that listen. */
return new class extends Migration
{
    public function up(): void
    {
        DB::statement('CREATE TABLE outbox (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            type text NOT NULL,
            organization_id bigint NOT NULL,
            public boolean NOT NULL DEFAULT false,
            key uuid NOT NULL DEFAULT gen_random_uuid(),
            data json NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            refused text
        )');
        DB::statement('CREATE INDEX outbox_waiting ON outbox (id) WHERE refused IS NULL');
    }

    public function down(): void
    {
        Schema::drop('outbox');
    }
};
