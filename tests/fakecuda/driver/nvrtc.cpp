// NVRTC: Python has g++ compile the source, and the "cubin" is the path of the library.

#include <cstring>
#include <string>

namespace {

struct Program {
    std::string source, made, log;
};

// Compiles a source with its options (one a line); true if `made` is a path, false if it is errors.
using Compile = bool (*)(const char* source, const char* options, char* made, size_t size);
Compile compile;

}  // namespace

extern "C" {

void fake_compiler(Compile f) { compile = f; }

int nvrtcVersion(int* major, int* minor) {
    *major = 12;
    *minor = 9;
    return 0;
}

const char* nvrtcGetErrorString(int) { return "NVRTC_ERROR_COMPILATION"; }

int nvrtcCreateProgram(Program** p, const char* source, const char*, int, const char**,
                       const char**) {
    *p = new Program{source};
    return 0;
}

int nvrtcDestroyProgram(Program** p) {
    delete *p;
    return 0;
}

int nvrtcCompileProgram(Program* p, int n, const char** options) {
    std::string lines;
    for (int i = 0; i < n; i++) lines += std::string(options[i]) + "\n";
    char made[8192] = "";
    bool good = compile(p->source.c_str(), lines.c_str(), made, sizeof made);
    (good ? p->made : p->log) = made;
    return good ? 0 : 6;
}

static int size_of(const std::string& text, size_t* n) {
    *n = text.size() + 1;
    return 0;
}

static int copy_of(const std::string& text, char* out) {
    strcpy(out, text.c_str());
    return 0;
}

int nvrtcGetCUBINSize(Program* p, size_t* n) { return size_of(p->made, n); }
int nvrtcGetCUBIN(Program* p, char* out) { return copy_of(p->made, out); }
int nvrtcGetPTXSize(Program* p, size_t* n) { return size_of(p->made, n); }
int nvrtcGetPTX(Program* p, char* out) { return copy_of(p->made, out); }
int nvrtcGetProgramLogSize(Program* p, size_t* n) { return size_of(p->log, n); }
int nvrtcGetProgramLog(Program* p, char* out) { return copy_of(p->log, out); }

int nvrtcAddNameExpression(Program*, const char*) { return 0; }

int nvrtcGetLoweredName(Program*, const char* name, const char** lowered) {
    *lowered = name;
    return 0;
}

int nvrtcGetNumSupportedArchs(int* n) {
    *n = 1;
    return 0;
}

int nvrtcGetSupportedArchs(int* all) {
    *all = 90;
    return 0;
}

}  // extern "C"
