/* implicit.c: convolution of any kernel, stride and padding as a product whose rows are windows,
 * without laying the windows out: a table of pointers says where the pixels of each tap are. A 1x1
 * convolution ("gemm") is the case of one tap. Backward data is the same on the phases of
 * kernel/sweep.h, so that a strided one multiplies no zeros. */
#include <omp.h>

#include "kernel/isa/isa.h"
#include "kernel/isa/product.h"
#include "kernel/sweep.h"

enum {
    BLOCK_BYTES = 256 << 10, /* of source pixels that a block of tiles may read: a share of L2 */
    BLOCK_TILES = 16,
    TABLE_POINTERS = 4096,
    FRAME_BYTES = 512 << 10,
    LARGE_BYTES = 64 << 20,
    FEW = 16,  /* channels */
    TASKS = 8, /* wanted at least, for the threads to share */
};

typedef struct grid { /* how a sweep is cut into tasks */
    size_t positions, blocks;
    int tiles, panels, chunks; /* tiles of a block; panels in all; groups of them */
    size_t table;              /* pointers of one thread */
} grid;

static depth depth_of(const fl_sweep *s) {
    return (depth){fl_sweep_taps(s), s->from};
}

static size_t deep(const fl_sweep *s) {
    return (size_t)fl_sweep_taps(s) * s->from;
}

static grid grid_of(const fl_sweep *s, int rows) {
    size_t pixel = sizeof(float) * s->from * s->y.in_step * s->x.in_step;
    size_t pointers = (size_t)MR * (fl_sweep_taps(s) + 1);
    size_t tiles = BLOCK_BYTES / (pixel * MR);
    if (tiles > TABLE_POINTERS / pointers) tiles = TABLE_POINTERS / pointers;
    grid p = {.positions = fl_sweep_positions(s, rows), .panels = panels_of(s->to)};
    p.tiles = tiles < 1 ? 1 : tiles > BLOCK_TILES ? BLOCK_TILES : (int)tiles;
    p.blocks = (p.positions + (size_t)p.tiles * MR - 1) / ((size_t)p.tiles * MR);
    p.chunks = p.blocks && p.blocks < TASKS ? min_int(p.panels, TASKS / (int)p.blocks) : 1;
    p.table = pointers * p.tiles;
    return p;
}

static size_t floats_of_pointers(size_t n) {
    return n * (sizeof(void *) / sizeof(float));
}

/* zeros (from), and a table for each thread */
static size_t sweep_work(const fl_sweep *s, int rows) {
    return s->from + 2 + floats_of_pointers(grid_of(s, rows).table) * (size_t)omp_get_max_threads();
}

typedef struct call {
    const fl_sweep *s;
    grid p;
    const float *source, *packed, *zeros;
    const fl_epilogue *e;
    float *target;
    const float **tables;
    bool past;
} call;

/* Whether y is so large that nothing of it will be in cache when it is read. */
static bool passes_caches(const fl_conv *g, int rows, const fl_epilogue *e, const float *y) {
    return !e->accumulate && g->co % VW == 0 && (uintptr_t)y % sizeof(vf) == 0 &&
           (size_t)rows * g->oh * g->ow * g->co * sizeof *y >= LARGE_BYTES;
}

/* The tables of `count` positions: for each tile of MR, (taps, MR) sources; and all targets. */
static void look_up(const call *c, size_t first, int count, const float **source, float **target) {
    int taps = fl_sweep_taps(c->s);
    fl_sweep_targets(c->s, first, count, c->target, target);
    for (int i = 0; i < count; i += MR, source += MR * taps) {
        int n = min_int(MR, count - i);
        fl_sweep_sources(c->s, first + i, n, c->source, c->zeros, MR, source);
        for (int t = 0; t < taps; t++)
            for (int r = n; r < MR; r++) source[t * MR + r] = c->zeros;
    }
}

/* The panels of one chunk for the tiles of one block. */
static void run_task(const call *c, size_t task, const float **source) {
    const fl_sweep *s = c->s;
    int taps = fl_sweep_taps(s), chunk = (int)(task % c->p.chunks), most = c->p.tiles * MR;
    int low = c->p.panels * chunk / c->p.chunks, high = c->p.panels * (chunk + 1) / c->p.chunks;
    size_t first = task / c->p.chunks * most, left = c->p.positions - first;
    int count = left < (size_t)most ? (int)left : most;
    float **target = (float **)(source + (size_t)most * taps);
    look_up(c, first, count, source, target);
    tile t = {.d = depth_of(s), .columns = s->to, .e = c->e, .past = c->past};
    for (int p = low; p < high; p++)
        for (int i = 0; i < count; i += MR) {
            t.source = source + (size_t)i * taps;
            t.panel = c->packed + p * NR * deep(s);
            t.rows = min_int(MR, count - i);
            t.column = p * NR;
            t.target = target + i;
            product_tile(&t);
        }
    if (c->past) drain();
}

static void run_sweep(const fl_sweep *s, int rows, const float *source, const float *packed,
                      const fl_epilogue *e, bool past, float *target, float *work) {
    call c = {s, grid_of(s, rows), source, packed, work, e, target, NULL, past};
    memset(work, 0, sizeof *work * s->from);
    c.tables = (const float **)(((uintptr_t)(work + s->from) + 7) & ~(uintptr_t)7);
#pragma omp parallel for schedule(dynamic)
    for (size_t task = 0; task < c.p.blocks * c.p.chunks; task++)
        run_task(&c, task, c.tables + c.p.table * (size_t)omp_get_thread_num());
}

static bool fits(const fl_conv *g, const fl_epilogue *e) {
    return g->ci > 0 && e->pool == 1;
}

static size_t packed_size(const fl_conv *g) {
    return (size_t)g->kh * g->kw * g->ci * packed_columns(g->co);
}

static void pack(const fl_conv *g, const float *w, float *packed) {
    size_t d = (size_t)g->kh * g->kw * g->ci;
#pragma omp parallel for schedule(static)
    for (size_t k = 0; k < d; k++) pack_row(g->co, d, k, w + k * g->co, packed);
}

static size_t work_size(const fl_conv *g, int rows) {
    fl_sweep s = fl_sweep_forward(g);
    return sweep_work(&s, rows);
}

static void run(const fl_conv *g, int rows, const float *x, const float *packed,
                const fl_epilogue *e, float *y, float *work) {
    fl_sweep s = fl_sweep_forward(g);
    run_sweep(&s, rows, x, packed, e, passes_caches(g, rows, e, y), y, work);
}

/* Its product, with some steps lost where a tap begins. */
static double cost(const fl_conv *g, int rows) {
    double pixels = (double)rows * g->oh * g->ow * g->kh * g->kw;
    return 2 * pixels * (g->ci + 2) * columns_in_time(g->co) / 95e9;
}

static bool fits_product(const fl_conv *g, const fl_epilogue *e) {
    return fits(g, e) && g->kh == 1 && g->kw == 1 && g->sh == 1 && g->sw == 1 && g->top == 0 &&
           g->left == 0 && g->oh == g->h && g->ow == g->w;
}

static double cost_product(const fl_conv *g, int rows) {
    return 0.99 * cost(g, rows);
}

/* "direct": few channels, whose taps are too short a stretch; some images at a time are framed by
 * zeros, so that a stretch is a whole line of the kernel. */

static int images_at_once(const fl_conv *g, int rows) {
    size_t n = FRAME_BYTES / sizeof(float) / fl_frame_size(g);
    return n < 1 ? 1 : n < (size_t)rows ? (int)n : rows;
}

static bool fits_direct(const fl_conv *g, const fl_epilogue *e) {
    return fits(g, e) && g->kw > 1 && g->ci <= FEW;
}

static size_t work_size_direct(const fl_conv *g, int rows) {
    fl_sweep s = fl_sweep_folded(g);
    int n = images_at_once(g, rows);
    return fl_frame_size(g) * n + sweep_work(&s, n);
}

static void run_direct(const fl_conv *g, int rows, const float *x, const float *packed,
                       const fl_epilogue *e, float *y, float *work) {
    fl_sweep s = fl_sweep_folded(g);
    bool past = passes_caches(g, rows, e, y);
    int step = images_at_once(g, rows);
    float *rest = work + fl_frame_size(g) * step;
    for (int r = 0; r < rows; r += step) {
        int n = min_int(step, rows - r);
        fl_frame_images(g, n, x + (size_t)r * g->h * g->w * g->ci, work);
        run_sweep(&s, n, work, packed, e, past, y + (size_t)r * g->oh * g->ow * g->co, rest);
    }
}

static double cost_direct(const fl_conv *g, int rows) {
    double pixels = (double)rows * g->oh * g->ow * g->kh;
    return 2 * pixels * (g->kw * g->ci + 2) * columns_in_time(g->co) / 95e9 +
           4.0 * rows * (double)fl_frame_size(g) / 10e9;
}

/* Backward data. */

static bool fits_back(const fl_conv *g, const fl_epilogue *e) {
    return g->co > 0 && e->pool == 1;
}

static size_t packed_size_back(const fl_conv *g) {
    return (size_t)g->kh * g->kw * g->co * packed_columns(g->ci);
}

/* One panel of one tap, (co, width), of w (ci, co) transposed. */
static void pack_tap_back(const fl_conv *g, int panel, const float *w, float *packed) {
    int width = panel_width(g->ci, panel), n = min_int(g->ci - panel * NR, width);
    w += (size_t)panel * NR * g->co;
    for (int o = 0; o < g->co; o++, packed += width)
        for (int i = 0; i < width; i++) packed[i] = i < n ? w[(size_t)i * g->co + o] : 0;
}

static void pack_phase(const fl_conv *g, const fl_sweep *s, const float *w, float *packed) {
    int taps = fl_sweep_taps(s);
#pragma omp parallel for schedule(static) collapse(2)
    for (int p = 0; p < panels_of(g->ci); p++)
        for (int t = 0; t < taps; t++) {
            int ky = s->y.k_first + t / s->x.taps * s->y.k_step;
            int kx = s->x.k_first + t % s->x.taps * s->x.k_step;
            pack_tap_back(g, p, w + ((size_t)ky * g->kw + kx) * g->ci * g->co,
                          packed + p * NR * deep(s) + (size_t)t * g->co * panel_width(g->ci, p));
        }
}

static void pack_back(const fl_conv *g, const float *w, float *packed) {
    for (int p = 0; p < g->sh * g->sw; p++) {
        fl_sweep s = fl_sweep_backward(g, p / g->sw, p % g->sw);
        pack_phase(g, &s, w, packed);
        packed += deep(&s) * packed_columns(g->ci);
    }
}

static size_t work_size_back(const fl_conv *g, int rows) {
    size_t most = 0;
    for (int p = 0; p < g->sh * g->sw; p++) {
        fl_sweep s = fl_sweep_backward(g, p / g->sw, p % g->sw);
        size_t n = sweep_work(&s, rows);
        most = n > most ? n : most;
    }
    return most;
}

static void run_back(const fl_conv *g, int rows, const float *dy, const float *packed,
                     const fl_epilogue *e, float *dx, float *work) {
    for (int p = 0; p < g->sh * g->sw; p++) {
        fl_sweep s = fl_sweep_backward(g, p / g->sw, p % g->sw);
        bool nothing = fl_sweep_taps(&s) == 0 && e->accumulate;
        if (!nothing) run_sweep(&s, rows, dy, packed, e, false, dx, work);
        packed += deep(&s) * packed_columns(g->ci);
    }
}

static double cost_back(const fl_conv *g, int rows) {
    double pixels = (double)rows * g->oh * g->ow * g->kh * g->kw;
    return 2 * pixels * (g->co + 2) * columns_in_time(g->ci) / 95e9;
}

const fl_conv_algo FL_ISA(fl_conv_implicit) = {
    .name = "implicit",
    .fits = fits,
    .packed = packed_size,
    .pack = pack,
    .work = work_size,
    .run = run,
    .cost = cost,
};

const fl_conv_algo FL_ISA(fl_conv_gemm) = {
    .name = "gemm",
    .fits = fits_product,
    .packed = packed_size,
    .pack = pack,
    .work = work_size,
    .run = run,
    .cost = cost_product,
};

const fl_conv_algo FL_ISA(fl_conv_direct) = {
    .name = "direct",
    .fits = fits_direct,
    .packed = packed_size,
    .pack = pack,
    .work = work_size_direct,
    .run = run_direct,
    .cost = cost_direct,
};

const fl_conv_algo FL_ISA(fl_conv_dx_implicit) = {
    .name = "implicit",
    .fits = fits_back,
    .packed = packed_size_back,
    .pack = pack_back,
    .work = work_size_back,
    .run = run_back,
    .cost = cost_back,
};
