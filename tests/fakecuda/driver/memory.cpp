// The report, and device memory: host memory, with a note of who touched which 512 bytes last.
//
// Streams are ordered by vector clocks. What two streams do to the same 512 bytes, one of them
// writing, without an event or a wait of the host between them, is a race.

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <vector>

#include "fake.h"

namespace fake {

static std::map<std::string, long> counts;
static std::set<std::string> faults;

void count(const std::string& what) { counts[what]++; }
void fault(const std::string& what) { faults.insert(what); }

int unsupported(const char* function) {
    fault(std::string(function) + " is not part of the fake");
    return NOT_SUPPORTED;
}

struct Piece {
    int writer = -1;
    uint64_t written = 0;
    Clock read = {};
};

struct Block {
    size_t size;
    std::vector<Piece> pieces;
};

constexpr size_t PIECE = 512, PAGE = 4096, LARGEST = 1ull << 30, SPACE = 1ull << 42;
static std::map<const char*, Block> blocks;

// Addresses of the device are never given twice: what was freed stays known as such.
static char* const space = (char*)mmap(nullptr, SPACE, PROT_NONE,
                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
static char* fresh = space;

static std::map<const char*, size_t> pinned;

template <class T>
static T* around(std::map<const char*, T>& all, const void* p, size_t (*size)(const T&)) {
    auto next = all.upper_bound((const char*)p);
    if (next == all.begin()) return nullptr;
    auto& [start, found] = *--next;
    return (const char*)p < start + size(found) ? &found : nullptr;
}

static Block* block_of(const void* p) {
    return around<Block>(blocks, p, [](const Block& b) { return b.size; });
}

bool on_device(const void* p) { return space <= p && p < space + SPACE; }

bool is_pinned(const void* p) {
    return around<size_t>(pinned, p, [](const size_t& size) { return size; }) != nullptr;
}

bool touch(int stream, const void* p, size_t bytes, bool writes, const std::string& who) {
    Block* block = block_of(p);
    if (!block) {
        fault(who + " was given a pointer that is no device memory");
        return false;
    }
    auto start = std::prev(blocks.upper_bound((const char*)p))->first;
    size_t first = ((const char*)p - start) / PIECE;
    size_t last = ((const char*)p - start + (bytes ? bytes - 1 : 0)) / PIECE;
    const Clock& now = clock_of(stream);
    for (size_t i = first; i <= last && i < block->pieces.size(); i++) {
        Piece& piece = block->pieces[i];
        if (piece.writer >= 0 && now[piece.writer] < piece.written)
            fault("race: " + who + " does not wait for what another stream writes");
        if (!writes) {
            piece.read[stream] = now[stream];
            continue;
        }
        for (int s = 0; s < STREAMS; s++)
            if (now[s] < piece.read[s])
                fault("race: " + who + " overwrites what another stream may still read");
        piece = {stream, now[stream], {}};
    }
    return true;
}

}  // namespace fake

using namespace fake;

extern "C" {

// ---- for Python ---------------------------------------------------------------------------------

void fake_reset() {
    counts.clear();
    faults.clear();
}

// All counts as lines of "number name", or all faults as lines.
const char* fake_report(int of_faults) {
    static std::string text;
    text.clear();
    if (of_faults)
        for (auto& fault : faults) text += fault + "\n";
    else
        for (auto& [name, n] : counts) text += std::to_string(n) + " " + name + "\n";
    return text.c_str();
}

// ---- CUDA's own ---------------------------------------------------------------------------------

int cudaMalloc(void** p, size_t bytes) {
    count("cudaMalloc");
    if (int error = unsafe()) return error;
    size_t size = (bytes + PIECE - 1) / PIECE * PIECE;
    *p = nullptr;
    if (!size) return OK;
    size_t pages = (size + PAGE - 1) / PAGE * PAGE;
    if (size > LARGEST || fresh + pages > space + SPACE) return OUT_OF_MEMORY;
    if (mprotect(fresh, pages, PROT_READ | PROT_WRITE)) return OUT_OF_MEMORY;
    memset(fresh, 0xFF, size);  // NaN: nobody may lean on zeros
    blocks[fresh] = {size, std::vector<Piece>(size / PIECE)};
    *p = fresh;
    fresh += pages;
    return OK;
}

int cudaFree(void* p) {
    if (!p) return OK;
    count("cudaFree");
    if (int error = unsafe()) return error;
    auto block = blocks.find((char*)p);
    if (block == blocks.end()) return INVALID_VALUE;
    all_done();
    size_t pages = (block->second.size + PAGE - 1) / PAGE * PAGE;
    mmap(p, pages, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    blocks.erase(block);
    return OK;
}

int cudaHostAlloc(void** p, size_t bytes, unsigned) {
    count("cudaHostAlloc");
    if (int error = unsafe()) return error;
    if (posix_memalign(p, PIECE, bytes ? bytes : 1)) return OUT_OF_MEMORY;
    pinned[(char*)*p] = bytes;
    return OK;
}

int cudaFreeHost(void* p) {
    if (int error = unsafe()) return error;
    if (!pinned.erase((char*)p)) return INVALID_VALUE;
    free(p);
    return OK;
}

int cudaMemGetInfo(size_t* free, size_t* total) {
    *free = *total = 80ull << 30;
    return OK;
}

int cudaPointerGetAttributes(int* attributes, const void* p) {
    memset(attributes, 0, 24);
    attributes[0] = block_of(p) ? 2 : is_pinned(p) ? 1 : 0;
    memcpy(attributes + 2, &p, 8);
    return OK;
}

static int copy(void* to, const void* from, size_t bytes, void* stream) {
    bool up = on_device(to), down = on_device(from);
    std::string who = up && down ? "copy" : up ? "upload" : down ? "download" : "host copy";
    count(who);
    return enqueue(stream, [=](int s) {
        bool readable = !down || touch(s, from, bytes, false, who);
        bool writable = !up || touch(s, to, bytes, true, who);
        if (readable && writable) memmove(to, from, bytes);
    });
}

int cudaMemcpyAsync(void* to, const void* from, size_t bytes, int, void* stream) {
    bool pageable = (!on_device(to) && !is_pinned(to)) || (!on_device(from) && !is_pinned(from));
    if (is_captured(stream)) {
        if (pageable) return invalidate(stream, CAPTURE_UNSUPPORTED);
        if (!on_device(to) || !on_device(from)) count("host copy in a graph");
    }
    return copy(to, from, bytes, stream);
}

int cudaMemcpy(void* to, const void* from, size_t bytes, int) {
    if (int error = copy(to, from, bytes, nullptr)) return error;
    return synchronize();
}

int cudaMemsetAsync(void* p, int value, size_t bytes, void* stream) {
    count("memset");
    return enqueue(stream, [=](int s) {
        if (touch(s, p, bytes, true, "memset")) memset(p, value, bytes);
    });
}

int cudaMemset(void* p, int value, size_t bytes) {
    return cudaMemsetAsync(p, value, bytes, nullptr);
}

}  // extern "C"
