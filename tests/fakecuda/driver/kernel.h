// A compiled kernel, as the fake driver finds it in a library.
#pragma once

struct Parameter {
    unsigned size;
    char access;    // r or w: a pointer to what is read or written; R or W: CuPy's CArray; v: a value
    unsigned item;  // the size of what is pointed to
};

struct Kernel {
    unsigned count;
    const Parameter* parameters;
    bool single;  // no doubles: subnormal numbers are flushed to zero
    // Not 0 if some threads of a block wait for others that never come.
    int (*run)(void** values, const unsigned* grid, const unsigned* block);
};
