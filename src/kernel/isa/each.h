/* each.h: the functions that an instruction set's fl_each is put together from. */
#ifndef FROSTLINE_KERNEL_ISA_EACH_H
#define FROSTLINE_KERNEL_ISA_EACH_H

#include "kernel/isa/vec.h"

#define each_activate      FL_ISA(fl_each_activate)
#define each_activate_back FL_ISA(fl_each_activate_back)
#define each_activate_into FL_ISA(fl_each_activate_into)
void each_activate(fl_activation f, size_t rows, size_t channels, const float *x, float *y);
void each_activate_back(fl_activation f, size_t rows, size_t channels, const float *y,
                        const float *z, float *d, float *sum);
void each_activate_into(fl_activation f, size_t rows, size_t channels, const float *y,
                        const float *z, const float *d, bool add, float *dx);

#define each_drop FL_ISA(fl_each_drop)
void each_drop(const fl_drop *d, size_t n, const float *x, bool add, float *y);

#define each_moments     FL_ISA(fl_each_moments)
#define each_affine      FL_ISA(fl_each_affine)
#define each_affine_sums FL_ISA(fl_each_affine_sums)
#define each_affine_back FL_ISA(fl_each_affine_back)
void each_moments(size_t rows, size_t channels, const float *x, double *mean, double *squares);
void each_affine(const fl_affine *a, size_t rows, size_t channels, const float *x, float *y);
void each_affine_sums(const fl_affine *a, size_t rows, size_t channels, const float *x,
                      const float *dy, double *sum, double *product);
void each_affine_back(const fl_affine *a, size_t rows, size_t channels, const float *x,
                      const float *dy, const float *mean, const float *slope, bool add, float *dx);

#define each_max_pool      FL_ISA(fl_each_max_pool)
#define each_max_pool_back FL_ISA(fl_each_max_pool_back)
#define each_avg_pool      FL_ISA(fl_each_avg_pool)
#define each_avg_pool_back FL_ISA(fl_each_avg_pool_back)
void each_max_pool(const fl_conv *g, int rows, const float *x, float *y, void *tap);
void each_max_pool_back(const fl_conv *g, int rows, const float *dy, const void *tap, bool add,
                        float *dx);
void each_avg_pool(const fl_conv *g, int rows, const float *x, float *y);
void each_avg_pool_back(const fl_conv *g, int rows, const float *dy, bool add, float *dx);

#endif
