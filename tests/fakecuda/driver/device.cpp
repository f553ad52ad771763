// The one device of the fake, and the names of errors.

#include <cstring>

#include "fake.h"

using namespace fake;

extern "C" {

int cuInit(unsigned) { return OK; }
int cuCtxGetCurrent(void** context) {
    *context = (void*)1;
    return OK;
}
int cuCtxSetCurrent(void*) { return OK; }
int cuCtxGetDevice(int* device) {
    *device = 0;
    return OK;
}
int cuStreamGetCtx(void*, void** context) { return cuCtxGetCurrent(context); }
int cuDevicePrimaryCtxRelease_v2(int) { return OK; }

int cudaGetDeviceCount(int* n) {
    *n = 1;
    return OK;
}
int cudaGetDevice(int* device) { return cuCtxGetDevice(device); }
int cudaSetDevice(int device) { return device ? INVALID_DEVICE : OK; }
int cudaDriverGetVersion(int* version) {
    *version = 12090;
    return OK;
}
int cudaRuntimeGetVersion(int* version) { return cudaDriverGetVersion(version); }

// Attributes by their number in cudaDeviceAttr.
int cudaDeviceGetAttribute(int* value, int attribute, int) {
    switch (attribute) {
        case 1: *value = 1024; break;   // threads of a block
        case 8: *value = 49152; break;  // bytes of shared memory of a block
        case 10: *value = 32; break;    // threads of a warp
        case 16: *value = 132; break;   // multiprocessors
        case 75: *value = 9; break;     // compute capability 9.0
        default: *value = 0;
    }
    return OK;
}

// cudaDeviceProp by its layout in CUDA 12.
int cudaGetDeviceProperties_v2(char* p, int) {
    memset(p, 0, 1032);
    strcpy(p, "a fake of CUDA");
    *(size_t*)(p + 288) = 80ull << 30;  // memory
    *(size_t*)(p + 296) = 49152;        // shared memory of a block
    int more[][2] = {{304, 65536}, {308, 32}, {320, 1024}, {324, 1024}, {328, 1024}, {332, 64},
                     {336, 0x7fffffff}, {340, 65535}, {344, 65535}, {360, 9}, {364, 0}, {388, 132}};
    for (auto [at, value] : more) *(int*)(p + at) = value;
    return OK;
}

static const char* name_of(int error) {
    switch (error) {
        case OK: return "cudaSuccess";
        case INVALID_VALUE: return "cudaErrorInvalidValue";
        case OUT_OF_MEMORY: return "cudaErrorMemoryAllocation";
        case INVALID_DEVICE: return "cudaErrorInvalidDevice";
        case NO_BINARY: return "cudaErrorNoKernelImageForDevice";
        case INVALID_HANDLE: return "cudaErrorInvalidResourceHandle";
        case ILLEGAL_STATE: return "cudaErrorIllegalState";
        case NOT_FOUND: return "cudaErrorSymbolNotFound";
        case CAPTURE_UNSUPPORTED: return "cudaErrorStreamCaptureUnsupported";
        case CAPTURE_INVALIDATED: return "cudaErrorStreamCaptureInvalidated";
        case CAPTURE_ISOLATION: return "cudaErrorStreamCaptureIsolation";
        case CAPTURE_IMPLICIT: return "cudaErrorStreamCaptureImplicit";
        case CAPTURED_EVENT: return "cudaErrorCapturedEvent";
        default: return "cudaErrorNotSupported";
    }
}

const char* cudaGetErrorName(int error) { return name_of(error); }
const char* cudaGetErrorString(int) { return "says the fake driver"; }
int cudaGetLastError() { return OK; }
int cudaPeekAtLastError() { return OK; }
int cuGetErrorName(int error, const char** name) {
    *name = name_of(error);
    return OK;
}
int cuGetErrorString(int error, const char** text) {
    *text = cudaGetErrorString(error);
    return OK;
}

}  // extern "C"
