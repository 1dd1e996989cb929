/* implicit_dw.c: weight gradients as a product over all positions, dw (tap, ci; co) = Σ x (tap, ci)
 * dy (co), without laying out windows: a table of pointers says where the pixels of each tap are.
 * Positions go by blocks whose pixels stay in cache while all of a task's sums are advanced. Where
 * the sums are few and the positions many, these are dealt to parts with sums of their own, which
 * are added in order; else a task has some of the sums and all positions. */
#include <omp.h>

#include "kernel/isa/isa.h"
#include "kernel/isa/outer.h"
#include "kernel/sweep.h"

enum {
    BLOCK = 128, /* positions */
    TABLE_POINTERS = 16384,
    TASKS = 8,
    FEW_SUMS = 64 << 10,
    PART_BLOCKS = 2, /* of a part, at least */
    FRAME_BYTES = 512 << 10,
    FEW = 16,  /* channels */
    WORTH = 8, /* uses of a panel of dy that pay for copying it */
};

typedef struct grid {
    size_t positions, blocks, sums;
    int block, taps;
    int tiles, panels;     /* of the rows of one tap; of the columns */
    int parts, high, wide; /* tasks: of positions, of tiles, of panels */
    size_t table, copy;    /* scratch of one thread: pointers, floats */
} grid;

static grid grid_of(const fl_sweep *s, int rows) {
    grid p = {.positions = fl_sweep_positions(s, rows), .taps = fl_sweep_taps(s)};
    p.block = max_int(16, min_int(BLOCK, TABLE_POINTERS / p.taps));
    p.blocks = (p.positions + p.block - 1) / p.block;
    p.sums = (size_t)p.taps * s->from * s->to;
    p.tiles = ceil_div(s->from, OUTER_ROWS);
    p.panels = ceil_div(ceil_div(s->to, VW), OUTER_VECTORS);
    p.parts = p.sums > FEW_SUMS || p.blocks < 2 * PART_BLOCKS ? 1
              : p.blocks / PART_BLOCKS < TASKS                ? (int)(p.blocks / PART_BLOCKS)
                                                              : TASKS;
    p.wide = min_int(p.panels, TASKS / p.parts);
    p.high = min_int(p.tiles, TASKS / p.parts / p.wide);
    p.table = (size_t)p.taps * p.block;
    p.copy = (size_t)p.block * OUTER_VECTORS * VW;
    return p;
}

static size_t floats_of_pointers(size_t n) {
    return n * (sizeof(void *) / sizeof(float));
}

static size_t scratch_of(const grid *p) { /* floats of one thread */
    return p->copy + floats_of_pointers(p->table);
}

/* Sums of each part, zeros (from), and for each thread a table and a copy of a panel. */
static size_t sweep_work(const fl_sweep *s, int rows) {
    grid p = grid_of(s, rows);
    return (p.parts > 1 ? p.sums * p.parts : 0) + s->from + 2 +
           scratch_of(&p) * (size_t)omp_get_max_threads();
}

typedef struct call {
    const fl_sweep *s;
    grid p;
    const float *source, *dy, *zeros;
    float *sum;
    float *scratch;
} call;

/* Columns of a panel, shared out evenly by vectors. */
static int column_of(const call *c, int panel) {
    return min_int(ceil_div(c->s->to, VW) * panel / c->p.panels * VW, c->s->to);
}

static int row_of(const call *c, int tile) {
    return c->s->from * tile / c->p.tiles;
}

/* A panel of dy with whole vectors, zero beyond the last channel. */
static void copy_panel(size_t count, size_t stride, int columns, const float *dy, float *to) {
    int whole = columns / VW * VW, rest = columns - whole;
    for (size_t p = 0; p < count; p++, dy += stride) {
        for (int v = 0; v < whole; v += VW, to += VW) store(to, load(dy + v));
        if (rest) store(to, load_some(dy + whole, rest)), to += VW;
    }
}

/* Adds one block of positions to the sums of tiles [t0, t1) in one panel. */
static void add_panel(const call *c, outer o, int column, int t0, int t1, const float *const *table,
                      float *sum) {
    for (int tap = 0; tap < c->p.taps; tap++)
        for (int t = t0; t < t1; t++) {
            o.row = row_of(c, t);
            o.x = table + (size_t)tap * c->p.block;
            o.sum = sum + ((size_t)tap * c->s->from + o.row) * c->s->to + column;
            outer_add(row_of(c, t + 1) - o.row, &o);
        }
}

static void add_block(const call *c, size_t block, int high, int wide, float *sum, float *copy,
                      const float **table) {
    const grid *p = &c->p;
    size_t first = block * p->block, left = p->positions - first;
    int count = left < (size_t)p->block ? (int)left : p->block;
    int t0 = p->tiles * high / p->high, t1 = p->tiles * (high + 1) / p->high;
    int p0 = p->panels * wide / p->wide, p1 = p->panels * (wide + 1) / p->wide;
    fl_sweep_sources(c->s, first, count, c->source, c->zeros, p->block, table);
    for (int n = p0; n < p1; n++) {
        int column = column_of(c, n), columns = column_of(c, n + 1) - column;
        const float *dy = c->dy + first * c->s->to + column;
        outer o = {.count = count, .dy = dy, .step = c->s->to, .ld = c->s->to, .columns = columns};
        if (columns % VW || p->taps * (t1 - t0) >= WORTH) {
            copy_panel(count, c->s->to, columns, dy, copy);
            o.dy = copy;
            o.step = (size_t)ceil_div(columns, VW) * VW;
        }
        add_panel(c, o, column, t0, t1, table, sum);
    }
}

static void run_task(const call *c, int task) {
    const grid *p = &c->p;
    int part = task / (p->high * p->wide), high = task / p->wide % p->high, wide = task % p->wide;
    size_t low = p->blocks * part / p->parts, end = p->blocks * (part + 1) / p->parts;
    float *sum = c->sum + (p->parts > 1 ? part * p->sums : 0);
    float *copy = c->scratch + scratch_of(p) * (size_t)omp_get_thread_num();
    const float **table = (const float **)(copy + p->copy);
    for (size_t b = low; b < end; b++) add_block(c, b, high, wide, sum, copy, table);
}

static void add_parts(const grid *p, const float *part, float *dw) {
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < p->sums; i++) {
        float sum = 0;
        for (int k = 0; k < p->parts; k++) sum += part[k * p->sums + i];
        dw[i] += sum;
    }
}

static void run_sweep(const fl_sweep *s, int rows, const float *source, const float *dy, float *dw,
                      float *work) {
    call c = {.s = s, .p = grid_of(s, rows), .source = source, .dy = dy};
    float *zeros = work + (c.p.parts > 1 ? c.p.sums * c.p.parts : 0);
    memset(zeros, 0, sizeof *zeros * s->from);
    c.zeros = zeros;
    c.scratch = (float *)(((uintptr_t)(zeros + s->from) + 7) & ~(uintptr_t)7);
    c.sum = c.p.parts > 1 ? work : dw;
    if (c.p.parts > 1) memset(work, 0, sizeof *work * c.p.sums * c.p.parts);
#pragma omp parallel for schedule(dynamic)
    for (int task = 0; task < c.p.parts * c.p.high * c.p.wide; task++) run_task(&c, task);
    if (c.p.parts > 1) add_parts(&c.p, work, dw);
}

static bool fits(const fl_conv *g) {
    return g->ci > 0;
}

static size_t work_size(const fl_conv *g, int rows) {
    fl_sweep s = fl_sweep_forward(g);
    return sweep_work(&s, rows);
}

static void run(const fl_conv *g, int rows, const float *x, const float *dy, float *dw,
                float *work) {
    fl_sweep s = fl_sweep_forward(g);
    run_sweep(&s, rows, x, dy, dw, work);
}

static double cost(const fl_conv *g, int rows) {
    double pixels = (double)rows * g->oh * g->ow * g->kh * g->kw;
    double padded = (double)(ceil_div(g->co, VW) * VW) * (g->ci + 1);
    return 2 * pixels * padded / 85e9;
}

/* "direct": few channels; a whole line of the kernel is one stretch of the framed input. */

static int images_at_once(const fl_conv *g, int rows) {
    size_t n = FRAME_BYTES / sizeof(float) / fl_frame_size(g);
    return n < 1 ? 1 : n < (size_t)rows ? (int)n : rows;
}

static bool fits_direct(const fl_conv *g) {
    return fits(g) && g->kw > 1 && g->ci <= FEW;
}

static size_t work_size_direct(const fl_conv *g, int rows) {
    fl_sweep s = fl_sweep_folded(g);
    int n = images_at_once(g, rows);
    return fl_frame_size(g) * n + sweep_work(&s, n);
}

static void run_direct(const fl_conv *g, int rows, const float *x, const float *dy, float *dw,
                       float *work) {
    fl_sweep s = fl_sweep_folded(g);
    int step = images_at_once(g, rows);
    float *rest = work + fl_frame_size(g) * step;
    for (int r = 0; r < rows; r += step) {
        int n = min_int(step, rows - r);
        fl_frame_images(g, n, x + (size_t)r * g->h * g->w * g->ci, work);
        run_sweep(&s, n, work, dy + (size_t)r * g->oh * g->ow * g->co, dw, rest);
    }
}

static double cost_direct(const fl_conv *g, int rows) {
    double pixels = (double)rows * g->oh * g->ow * g->kh;
    double padded = (double)(ceil_div(g->co, VW) * VW) * (g->kw * g->ci + 1);
    return 2 * pixels * padded / 85e9 + 4.0 * rows * (double)fl_frame_size(g) / 10e9;
}

const fl_conv_dw_algo FL_ISA(fl_conv_dw_implicit) = {
    .name = "implicit",
    .fits = fits,
    .work = work_size,
    .run = run,
    .cost = cost,
};

const fl_conv_dw_algo FL_ISA(fl_conv_dw_direct) = {
    .name = "direct",
    .fits = fits_direct,
    .work = work_size_direct,
    .run = run_direct,
    .cost = cost_direct,
};
