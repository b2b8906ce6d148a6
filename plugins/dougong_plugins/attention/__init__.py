"""The attention plugins: full, local, atrous and sparse. Their shared kernels are in `kernels`."""
