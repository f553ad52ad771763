// Streams, events, and graphs captured from streams.

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "fake.h"

namespace fake {

using Graph = std::vector<Work>;

struct Stream {
    bool alive, blocking;
    Clock now = {};
    std::shared_ptr<Graph> graph;  // while it is being captured
    bool relaxed = false;
    int broken = OK;  // why the capture has failed
};

struct Event {
    Clock at = {};
    bool captured = false;
};

// The first is the legacy default stream. A handle is the address of an element, which stays.
static std::vector<Stream> streams = [] {
    std::vector<Stream> all;
    all.reserve(STREAMS);
    all.push_back({true, true});
    return all;
}();
static Clock host = {};  // what the host has waited for

static Stream* stream_of(void* handle) {
    if (handle == nullptr || handle == (void*)1) return &streams[0];
    for (Stream& s : streams)
        if (&s == handle && s.alive) return &s;
    fault("a stream was used that there is not, or no longer");
    return nullptr;
}

static int index_of(const Stream* s) { return s - streams.data(); }

const Clock& clock_of(int stream) { return streams[stream].now; }

static void join(Clock& clock, const Clock& other) {
    for (int i = 0; i < STREAMS; i++) clock[i] = std::max(clock[i], other[i]);
}

bool is_captured(void* stream) {
    Stream* s = stream_of(stream);
    return s && s->graph;
}

static int invalidate(Stream& s, Error why) {
    s.broken = why;
    return why;
}

int invalidate(void* stream, Error why) { return invalidate(*stream_of(stream), why); }

int unsafe() {
    for (Stream& s : streams)
        if (s.graph && !s.relaxed) return invalidate(s, CAPTURE_UNSUPPORTED);
    return OK;
}

// Work on the legacy stream waits for all streams that are not non-blocking, and they for it. None
// of them may be captured meanwhile.
static int begin(Stream& s) {
    for (Stream& other : streams) {
        if (&other == &s || !s.blocking || !other.blocking) continue;
        if (&s != &streams[0] && &other != &streams[0]) continue;
        if (other.graph) return invalidate(other, CAPTURE_IMPLICIT);
        join(s.now, other.now);
    }
    join(s.now, host);
    s.now[index_of(&s)]++;
    return OK;
}

int enqueue(void* stream, Work work) {
    Stream* s = stream_of(stream);
    if (!s) return INVALID_HANDLE;
    if (s->broken) return CAPTURE_INVALIDATED;
    if (s->graph) {
        s->graph->push_back(std::move(work));
        return OK;
    }
    if (int error = begin(*s)) return error;
    work(index_of(s));
    return OK;
}

void all_done() {
    for (Stream& s : streams) join(host, s.now);
}

int synchronize() {
    for (Stream& s : streams)
        if (s.graph) return invalidate(s, CAPTURE_UNSUPPORTED);
    all_done();
    return OK;
}

}  // namespace fake

using namespace fake;

extern "C" {

// ---- streams ------------------------------------------------------------------------------------

int cudaStreamCreateWithFlags(void** stream, unsigned flags) {
    count("cudaStreamCreate");
    bool blocking = !(flags & 1);
    for (Stream& s : streams) {
        if (s.alive) continue;
        s.alive = true;
        s.blocking = blocking;
        *stream = &s;
        return OK;
    }
    if (streams.size() == STREAMS) return OUT_OF_MEMORY;
    streams.push_back({true, blocking});
    *stream = &streams.back();
    return OK;
}

int cudaStreamCreate(void** stream) { return cudaStreamCreateWithFlags(stream, 0); }

int cudaStreamCreateWithPriority(void** stream, unsigned flags, int) {
    return cudaStreamCreateWithFlags(stream, flags);
}

int cudaStreamDestroy(void* stream) {
    Stream* s = stream_of(stream);
    if (!s || s == &streams[0]) return INVALID_HANDLE;
    s->alive = false;
    s->graph = nullptr;
    s->broken = OK;
    return OK;
}

int cudaStreamSynchronize(void* stream) {
    count("synchronize");
    Stream* s = stream_of(stream);
    if (!s) return INVALID_HANDLE;
    if (s->graph) return invalidate(*s, CAPTURE_UNSUPPORTED);
    if (int error = begin(*s)) return error;
    join(host, s->now);
    return OK;
}

int cudaDeviceSynchronize() {
    count("synchronize");
    return synchronize();
}

int cudaStreamQuery(void* stream) {
    Stream* s = stream_of(stream);
    if (!s) return INVALID_HANDLE;
    return s->graph ? invalidate(*s, CAPTURE_UNSUPPORTED) : OK;
}

int cudaStreamGetFlags(void* stream, unsigned* flags) {
    Stream* s = stream_of(stream);
    if (!s) return INVALID_HANDLE;
    *flags = !s->blocking;
    return OK;
}

int cudaStreamGetPriority(void*, int* priority) {
    *priority = 0;
    return OK;
}

// ---- events -------------------------------------------------------------------------------------

int cudaEventCreateWithFlags(void** event, unsigned) {
    count("cudaEventCreate");
    *event = new Event;
    return OK;
}

int cudaEventCreate(void** event) { return cudaEventCreateWithFlags(event, 0); }

int cudaEventDestroy(void* event) {
    delete (Event*)event;
    return OK;
}

int cudaEventRecord(void* event, void* stream) {
    count("cudaEventRecord");
    Stream* s = stream_of(stream);
    if (!s) return INVALID_HANDLE;
    if (s->broken) return CAPTURE_INVALIDATED;
    *(Event*)event = {s->now, s->graph != nullptr};
    if (s->graph) return OK;
    int error = begin(*s);
    ((Event*)event)->at = s->now;
    return error;
}

int cudaEventQuery(void* event) { return ((Event*)event)->captured ? CAPTURED_EVENT : OK; }

int cudaEventSynchronize(void* event) {
    count("synchronize");
    if (((Event*)event)->captured) return CAPTURED_EVENT;
    join(host, ((Event*)event)->at);
    return OK;
}

int cudaEventElapsedTime(float* milliseconds, void* a, void* b) {
    *milliseconds = 1;
    return ((Event*)a)->captured || ((Event*)b)->captured ? CAPTURED_EVENT : OK;
}

int cudaStreamWaitEvent(void* stream, void* event, unsigned) {
    count("cudaStreamWaitEvent");
    Stream* s = stream_of(stream);
    if (!s) return INVALID_HANDLE;
    Event& e = *(Event*)event;
    if (s->graph && !e.captured) return invalidate(*s, CAPTURE_ISOLATION);
    if (s->graph) return OK;  // one stream's work is in order
    if (e.captured) return unsupported("a capture of two streams");
    join(s->now, e.at);
    return begin(*s);
}

// ---- graphs -------------------------------------------------------------------------------------

int cudaStreamBeginCapture(void* stream, int mode) {
    Stream* s = stream_of(stream);
    if (!s) return INVALID_HANDLE;
    if (s == &streams[0]) return CAPTURE_UNSUPPORTED;
    if (s->graph) return ILLEGAL_STATE;
    s->graph = std::make_shared<Graph>();
    s->relaxed = mode == 2;
    return OK;
}

int cudaStreamIsCapturing(void* stream, int* status) {
    Stream* s = stream_of(stream);
    if (!s) return INVALID_HANDLE;
    if (s == &streams[0])
        for (Stream& other : streams)
            if (other.graph && other.blocking) return CAPTURE_IMPLICIT;
    *status = s->broken ? 2 : s->graph ? 1 : 0;
    return OK;
}

int cudaStreamEndCapture(void* stream, void** graph) {
    *graph = nullptr;
    Stream* s = stream_of(stream);
    if (!s || !s->graph) return ILLEGAL_STATE;
    auto captured = std::move(s->graph);
    if (std::exchange(s->broken, OK)) return CAPTURE_INVALIDATED;
    *graph = new std::shared_ptr<Graph>(captured);
    return OK;
}

int cudaThreadExchangeStreamCaptureMode(int*) { return OK; }

int cudaGraphInstantiate(void** executable, void* graph) {
    count("cudaGraphInstantiate");
    *executable = new std::shared_ptr<Graph>(*(std::shared_ptr<Graph>*)graph);
    return OK;
}

int cudaGraphLaunch(void* executable, void* stream) {
    count("cudaGraphLaunch");
    return enqueue(stream, [graph = *(std::shared_ptr<Graph>*)executable](int s) {
        for (const Work& work : *graph) work(s);
    });
}

int cudaGraphUpload(void*, void*) { return OK; }

int cudaGraphDestroy(void* graph) {
    delete (std::shared_ptr<Graph>*)graph;
    return OK;
}

int cudaGraphExecDestroy(void* executable) { return cudaGraphDestroy(executable); }

}  // extern "C"
