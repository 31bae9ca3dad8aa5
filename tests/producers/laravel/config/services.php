<?php

return ['tidings' => ['url' => getenv('TIDINGS_URL'), 'key' => getenv('TIDINGS_KEY')]];
