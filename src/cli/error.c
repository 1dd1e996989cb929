/* How far what runs is from what is exact. */
#include <math.h>

#include "cli/exact.h"
#include "frostline/rng.h"

fl_error fl_error_of(const float *got, const double *exact, size_t n) {
    double error = 0, size = 0, most = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs(got[i] - exact[i]);
        error += d * d;
        size += exact[i] * exact[i];
        most = !(d <= most) ? d : most; /* a NaN stays */
    }
    double rms = sqrt(size / (double)n);
    return (fl_error){sqrt(error / (double)n) / rms, most / rms};
}

static void fill(float *v, size_t n, uint64_t stream) {
    fl_rng rng = {.seed = 1, .stream = FL_STREAM_SYNTHETIC, .sample = stream};
    for (size_t i = 0; i < n; i++) v[i] = (float)fl_rng_normal(&rng, i);
}

/* ---- one convolution ---- */

typedef struct trial {
    const fl_kernels *k;
    const fl_conv *g;
    int rows;
    size_t nx, ny, nw;       /* of all rows */
    float *x, *w, *dy, *out; /* out: the largest of the three */
    double *exact[FL_PASSES];
    fl_error_seen *seen;
    void *context;
} trial;

static double *widened(const float *v, size_t n) {
    double *wide = fl_alloc((n + 1) * sizeof *wide);
    for (size_t i = 0; i < n; i++) wide[i] = v[i];
    return wide;
}

static void compute_exact(trial *t) {
    double *x = widened(t->x, t->nx), *dy = widened(t->dy, t->ny);
    size_t in = t->nx / (size_t)t->rows, out = t->ny / (size_t)t->rows;
    for (int r = 0; r < t->rows; r++) {
        fl_exact_forward(t->g, x + r * in, t->w, t->exact[FL_PASS_FORWARD] + r * out);
        fl_exact_backward_data(t->g, dy + r * out, t->w, t->exact[FL_PASS_DX] + r * in);
        fl_exact_backward_weights(t->g, x + r * in, dy + r * out, t->exact[FL_PASS_DW]);
    }
    fl_free(x);
    fl_free(dy);
}

static size_t size_of(const trial *t, fl_pass pass) {
    return pass == FL_PASS_FORWARD ? t->ny : pass == FL_PASS_DX ? t->nx : t->nw;
}

static void open_trial(trial *t) {
    const fl_conv *g = t->g;
    t->nx = (size_t)t->rows * g->h * g->w * g->ci;
    t->ny = (size_t)t->rows * g->oh * g->ow * g->co;
    t->nw = (size_t)g->kh * g->kw * g->ci * g->co;
    t->x = fl_alloc(t->nx * sizeof(float));
    t->dy = fl_alloc(t->ny * sizeof(float));
    t->w = fl_alloc(t->nw * sizeof(float));
    t->out = fl_alloc((t->nx + t->ny + t->nw) * sizeof(float));
    fill(t->x, t->nx, 1), fill(t->dy, t->ny, 2), fill(t->w, t->nw, 3);
    for (fl_pass p = 0; p < FL_PASSES; p++) t->exact[p] = fl_alloc(size_of(t, p) * sizeof(double));
    compute_exact(t);
}

static void close_trial(trial *t) {
    fl_free(t->x);
    fl_free(t->dy);
    fl_free(t->w);
    fl_free(t->out);
    for (fl_pass p = 0; p < FL_PASSES; p++) fl_free(t->exact[p]);
}

static void see(const trial *t, fl_pass pass, const char *name) {
    t->seen(t->context, pass, name, fl_error_of(t->out, t->exact[pass], size_of(t, pass)));
}

static void run_pass(const trial *t, fl_pass pass, const char *name) {
    const fl_epilogue plain = {.pool = 1};
    fl_conv_setting s = {0};
    s.forced[pass] = name;
    fl_conv_choice c = fl_conv_choose(t->k, t->g, t->rows, &s);
    size_t bytes = fl_conv_choice_work(t->k, t->g, t->rows, &c) * sizeof(float);
    float *work = fl_alloc_pages(bytes);
    for (size_t i = 0; i < size_of(t, pass); i++) t->out[i] = 0; /* the gradients add */
    if (pass == FL_PASS_FORWARD)
        fl_kernels_conv_forward(t->k, &c, t->g, t->rows, t->x, t->w, &plain, t->out, work);
    else if (pass == FL_PASS_DX)
        fl_kernels_conv_backward_data(t->k, &c, t->g, t->rows, t->dy, t->w, true, t->out, work);
    else
        fl_kernels_conv_backward_weights(t->k, &c, t->g, t->rows, t->x, t->dy, t->out, work);
    fl_free_pages(work, bytes);
    see(t, pass, name);
}

static void run_static(const trial *t, const fl_conv_algo *a) {
    const fl_epilogue plain = {.pool = 1};
    size_t packed = a->packed(t->g) * sizeof(float), bytes = a->work(t->g, t->rows) * sizeof(float);
    float *weights = fl_alloc_pages(packed), *work = fl_alloc_pages(bytes);
    a->pack(t->g, t->w, weights);
    a->run(t->g, t->rows, t->x, weights, &plain, t->out, work);
    fl_free_pages(weights, packed);
    fl_free_pages(work, bytes);
    see(t, FL_PASS_FORWARD, a->name);
}

void fl_error_conv(const fl_kernels *k, const fl_conv *g, int rows, fl_error_seen *seen,
                   void *context) {
    const fl_epilogue plain = {.pool = 1};
    const char *names[FL_MAX_ALGORITHMS];
    trial t = {.k = k, .g = g, .rows = rows, .seen = seen, .context = context};
    open_trial(&t);
    for (fl_pass pass = 0; pass < FL_PASSES; pass++) {
        int n = fl_conv_fitting(k, g, pass, names);
        for (int i = 0; i < n; i++) run_pass(&t, pass, names[i]);
    }
    for (const fl_conv_algo *const *a = fl_conv_bf16(k); *a; a++)
        if ((*a)->fits(g, &plain)) run_static(&t, *a);
    close_trial(&t);
}

/* ---- one net ---- */

static fl_status exact_rows(const fl_model *m, int rows, const float *x, double *logits) {
    size_t in = fl_shape_size(m->input), out = fl_shape_size(m->layer[m->n_layers - 1].shape);
    for (int r = 0; r < rows; r++) FL_TRY(fl_exact_net(m, x + r * in, logits + r * out));
    return FL_OK;
}

static fl_status measure(const fl_model *m, fl_predictor *p, int rows, fl_error *out) {
    size_t in = (size_t)rows * fl_shape_size(m->input);
    size_t n = (size_t)rows * fl_shape_size(m->layer[m->n_layers - 1].shape);
    float *x = fl_alloc(in * sizeof *x), *logits = fl_alloc(n * sizeof *logits);
    double *exact = fl_alloc(n * sizeof *exact);
    fill(x, in, 4);
    fl_status status = exact_rows(m, rows, x, exact);
    if (status == FL_OK) {
        fl_predictor_run(p, rows, x, logits);
        *out = fl_error_of(logits, exact, n);
    }
    fl_free(x);
    fl_free(logits);
    fl_free(exact);
    return status;
}

fl_status fl_error_net(fl_comm *c, fl_experiment *x, int rows, fl_error *out) {
    fl_predictor *p;
    FL_TRY(fl_predictor_open(c, x, NULL, &p));
    fl_status status = measure(x->model, p, rows, out);
    fl_predictor_close(p);
    return status;
}
