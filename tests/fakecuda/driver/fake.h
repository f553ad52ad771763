// What the files of the fake driver share.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace fake {

// CUDA's numbers for what can go wrong.
enum Error {
    OK = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    NO_BINARY = 209,
    INVALID_HANDLE = 400,
    ILLEGAL_STATE = 401,
    NOT_FOUND = 500,
    ILLEGAL_ADDRESS = 700,
    NOT_SUPPORTED = 801,
    CAPTURE_UNSUPPORTED = 900,
    CAPTURE_INVALIDATED = 901,
    CAPTURE_ISOLATION = 905,
    CAPTURE_IMPLICIT = 906,
    CAPTURED_EVENT = 907,
};

// ---- the report ---------------------------------------------------------------------------------

void count(const std::string& what);

// What CUDA would not notice and do wrongly. What it refuses is an error instead.
void fault(const std::string& what);

int unsupported(const char* function);

// ---- memory -------------------------------------------------------------------------------------

bool on_device(const void* p);  // or was, before it was freed
bool is_pinned(const void* p);

// A stream reads or writes memory: a fault where nothing orders that after what another stream did
// to it; and where it is no device memory, or no longer: false then.
bool touch(int stream, const void* p, size_t bytes, bool writes, const std::string& who);

// Whether what is launched is run, too.
bool running();

// ---- streams ------------------------------------------------------------------------------------

// For each stream the number of its last piece of work that has surely been done.
constexpr int STREAMS = 64;
using Clock = std::array<uint64_t, STREAMS>;

const Clock& clock_of(int stream);

// Something queued on a stream, which is given its index.
using Work = std::function<void(int)>;

// Does the work now; on a stream that is being captured, at each launch of the graph.
int enqueue(void* stream, Work work);

bool is_captured(void* stream);

// The capture that a stream is part of fails.
int invalidate(void* stream, Error why);

// For calls that a capture forbids unless its mode is relaxed: they may wait for the device.
int unsafe();

// The host has waited for all that was queued; synchronize() does, where no capture forbids it.
void all_done();
int synchronize();

}  // namespace fake
