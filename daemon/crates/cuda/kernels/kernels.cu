// All kernels in one unit: what nvcc compiles into the fat binary, and g++ for the emulator.
#include "rows.cu"
#include "linear_few.cu"
#include "linear_tiles.cu"
#include "rotary.cu"
#include "attention_few.cu"
#include "attention_many.cu"
