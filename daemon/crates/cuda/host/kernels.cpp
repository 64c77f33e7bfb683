// The emulator and all kernels, compiled for the CPU as one unit: the kernels put themselves on the emulator's list.
#include "emulator.cpp"
#include "kernels.cu"
