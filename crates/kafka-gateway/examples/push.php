<?php
// Records from php-fpm: one call, and the worker holds neither a producer nor a queue. All pushes of one object go over
// one connection; php-fpm ends it with the request. Needs the extension curl, PHP 8.0 or later.
declare(strict_types=1);

final class Gateway
{
    // Worth another attempt: the same request may be accepted later.
    private const PASSING = [0, 408, 409, 429, 500, 502, 503, 504];

    private \CurlHandle $handle;

    public function __construct(private string $url = 'http://127.0.0.1:4242', private string $apiKey = '')
    {
        $this->handle = curl_init();
    }

    /**
     * What became of each record: ['status' => 'accepted', 'durable' => true], or 'written' with partition and offset.
     *
     * @param list<array{topic: string, data: ?string, key?: string, headers?: array<string, string>}> $records
     */
    public function push(array $records, bool $wait = false, int $attempts = 4): array
    {
        $body = json_encode(['records' => $records, 'wait_for_send' => $wait], JSON_THROW_ON_ERROR);
        // One key for all attempts at one request: what was written by an earlier one is not written again.
        $headers = ['Content-Type: application/json', 'Expect:', 'Idempotency-Key: ' . bin2hex(random_bytes(16))];
        if ($this->apiKey !== '') {
            $headers[] = 'X-API-Key: ' . $this->apiKey;
        }
        for ($attempt = 0; $attempt < $attempts; $attempt++) {
            curl_setopt_array($this->handle, [
                CURLOPT_URL => $this->url . '/push',
                CURLOPT_POSTFIELDS => $body,
                CURLOPT_HTTPHEADER => $headers,
                CURLOPT_RETURNTRANSFER => true,
                CURLOPT_CONNECTTIMEOUT_MS => 500,
                CURLOPT_TIMEOUT_MS => $wait ? 5000 : 1000,
            ]);
            $answer = curl_exec($this->handle);
            $status = (int) curl_getinfo($this->handle, CURLINFO_RESPONSE_CODE);
            if ($status === 200 && is_string($answer)) {
                return json_decode($answer, true, 16, JSON_THROW_ON_ERROR)['records'];
            }
            if (!in_array($status, self::PASSING, true)) {
                break;
            }
            usleep(50_000 * 2 ** $attempt);
        }
        throw new \RuntimeException("kafka-gateway: $status " . ($answer ?: curl_error($this->handle)));
    }
}

// $gateway = new Gateway(getenv('GATEWAY') ?: 'http://127.0.0.1:4242', getenv('API_KEY') ?: '');
// $gateway->push([['topic' => 'orders', 'key' => '42', 'data' => json_encode(['paid' => true])]]);
