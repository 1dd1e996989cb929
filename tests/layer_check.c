/* layer_check.c: building calls for the conformance suite. */
#include "layer_check.h"

#include <string.h>

enum { GUARD = 64, GUARD_BYTE = 0x5a };

static uint64_t draws;

double random_uniform(void) {
    fl_rng r = {.seed = 3};
    return fl_rng_uniform(&r, draws++);
}

double random_normal(void) {
    fl_rng r = {.seed = 5};
    return fl_rng_normal(&r, draws++);
}

/* ---- guarded memory: [size | guard | bytes | guard] ---- */

static void *guarded(size_t bytes, int fill) {
    char *p = fl_alloc(bytes + 3 * GUARD);
    memcpy(p, &bytes, sizeof bytes);
    memset(p + GUARD, GUARD_BYTE, GUARD);
    memset(p + 2 * GUARD, fill, bytes);
    memset(p + 2 * GUARD + bytes, GUARD_BYTE, GUARD);
    return p + 2 * GUARD;
}

static void *guarded_copy(const void *from, size_t bytes) {
    void *p = guarded(bytes, 0);
    if (bytes > 0) memcpy(p, from, bytes);
    return p;
}

static void release(const void *p) {
    size_t bytes;
    if (!p) return;
    char *start = (char *)p - 2 * GUARD;
    memcpy(&bytes, start, sizeof bytes);
    for (int i = 0; i < GUARD; i++)
        FL_CHECK(start[GUARD + i] == GUARD_BYTE && start[2 * GUARD + bytes + i] == GUARD_BYTE,
                 "a write beside a buffer of %zu bytes", bytes);
    fl_free(start);
}

/* ---- the trial ---- */

size_t trial_in_size(const trial *t, int i) {
    return fl_shape_size(t->example->in[i]);
}

size_t trial_param_size(const trial *t, int i) {
    size_t n = 1;
    for (int k = 0; k < t->plan.param[i].n; k++) n *= (size_t)t->plan.param[i].d[k];
    return n;
}

size_t trial_out_size(const trial *t) {
    return fl_shape_size(t->plan.out);
}

bool trial_trains(const trial *t, int i) {
    return i < t->plan.n_params && !t->plan.param[i].buffer;
}

/* Each row holds evenly spaced values in random order, 0 midway between two of them or one away: so
 * a small step crosses no kink of relu or relu6 and changes no maximum. */
static float *random_input(size_t n, bool wide) {
    double half = wide ? 8 : fmax(2.5, 0.025 * (double)n);
    float *v = fl_alloc(TRIAL_ROWS * n * sizeof *v);
    for (int r = 0; r < TRIAL_ROWS; r++)
        for (size_t i = 0; i < n; i++) {
            size_t j = (size_t)(random_uniform() * (double)(i + 1));
            v[r * n + i] = v[r * n + j];
            v[r * n + j] = (float)(half * ((2.0 * (double)i + 1) / (double)n - 1));
        }
    return v;
}

static float *random_values(size_t n, bool positive) {
    float *v = fl_alloc(n * sizeof *v);
    for (size_t i = 0; i < n; i++)
        v[i] = (float)(positive ? 0.5 + random_uniform() : 0.5 * random_normal());
    return v;
}

static void sum_alone(void *context, double *v, size_t n) {
    (void)context, (void)v, (void)n;
}

/* The numbers of an example are its own: another layer in the list changes none of them. */
static void fill_trial(trial *t) {
    const char *options = t->example->options;
    draws = fl_hash(options, strlen(options), fl_hash(t->ops->name, strlen(t->ops->name), 0));
    for (int i = 0; i < t->example->n_in; i++)
        t->in[i] = random_input(trial_in_size(t, i), t->plan.n_params == 0);
    for (int i = 0; i < t->plan.n_params; i++)
        t->param[i] = random_values(trial_param_size(t, i), t->plan.param[i].buffer);
    t->dout = random_values(TRIAL_ROWS * trial_out_size(t), false);
    for (int r = 0; r < TRIAL_ROWS; r++) t->sample[r] = 100 + 7 * r;
}

static fl_status parse(trial *t, const char *options) {
    char *text = fl_format("layer: %s\n", options);
    fl_status s = fl_config_parse("example", text, 0, NULL, &t->config);
    fl_free(text);
    FL_TRY(s);
    t->conf = fl_alloc(t->ops->conf_size + 1);
    fl_node *map = fl_node_get(fl_config_root(t->config), "layer");
    s = fl_fields_parse(map, "layer", t->ops->fields, NULL, t->conf);
    return s == FL_OK ? fl_config_check(t->config) : s;
}

bool trial_open(trial *t, const fl_layer_ops *ops, const fl_layer_example *e, char why[256]) {
    *t = (trial){.ops = ops, .example = e, .wanted = WANT_ALL, .global_rows = TRIAL_ROWS};
    t->kernels = &fl_kernels_reference;
    t->sum = sum_alone;
    if (parse(t, e->options) != FL_OK) {
        snprintf(why, 256, "%s", fl_config_check(t->config) == FL_OK ? "" : fl_message());
        return false;
    }
    if (!ops->plan(t->conf, e->in, e->n_in, TRIAL_ROWS, &t->plan)) {
        snprintf(why, 256, "%s", t->plan.error);
        return false;
    }
    fill_trial(t);
    return true;
}

void trial_must_open(trial *t, const char *layer, const fl_layer_example *e) {
    char why[256];
    if (!trial_open(t, fl_layer_find(layer), e, why)) fail_msg("%s %s: %s", layer, e->options, why);
}

void trial_close(trial *t) {
    for (int i = 0; i < TRIAL_INPUTS; i++) fl_free(t->in[i]);
    for (int i = 0; i < FL_MAX_PARAMS; i++) fl_free(t->param[i]);
    fl_free(t->dout);
    fl_free(t->conf);
    fl_config_close(t->config);
}

/* ---- running it ---- */

static size_t saved_bytes(const trial *t, int rows) {
    fl_layer_plan p;
    bool fine = t->ops->plan(t->conf, t->example->in, t->example->n_in, rows, &p);
    FL_CHECK(fine, "planned before, and now: %s", p.error);
    return p.saved_bytes;
}

/* Of a convolution: what runs it, and the bytes of scratch that it wants. */
static fl_conv_choice choice;
static size_t work_bytes(const trial *t) {
    fl_fusion f = {.kind = FL_FUSION_NONE};
    if (t->ops->fusion) f = t->ops->fusion(t->conf, t->example->in[0]);
    if (f.kind != FL_FUSION_CONV) return t->plan.work_bytes;
    choice = fl_conv_choose(t->kernels, &f.geometry, TRIAL_ROWS, NULL);
    return t->plan.work_bytes +
           fl_conv_choice_work(t->kernels, &f.geometry, TRIAL_ROWS, &choice) * sizeof(float);
}

static fl_layer_call call_of(const trial *t, int first, int rows) {
    fl_layer_call c = {.conf = t->conf,
                       .kernels = t->kernels,
                       .conv = &choice,
                       .rows = rows,
                       .n_in = t->example->n_in,
                       .out_shape = t->plan.out,
                       .training = t->training,
                       .then = t->then,
                       .rng = {.seed = 1, .stream = FL_STREAM_DROPOUT, .epoch = 2},
                       .sample = t->sample + first,
                       .salt = 4,
                       .global_rows = t->global_rows,
                       .sum = t->sum,
                       .context = t->context};
    for (int i = 0; i < c.n_in; i++) {
        size_t n = trial_in_size(t, i);
        c.in_shape[i] = t->example->in[i];
        c.in[i] = guarded_copy(t->in[i] + first * n, rows * n * sizeof(float));
    }
    for (int i = 0; i < t->plan.n_params; i++)
        c.param[i] = guarded_copy(t->param[i], trial_param_size(t, i) * sizeof(float));
    c.out = guarded(rows * trial_out_size(t) * sizeof(float), 0xff);
    c.work = guarded(work_bytes(t), 0xff);
    return c;
}

static void close_call(fl_layer_call *c) {
    for (int i = 0; i < c->n_in; i++) release(c->in[i]);
    for (int i = 0; i < FL_MAX_PARAMS; i++) release(c->param[i]);
    release(c->out), release(c->work), release(c->saved), release(c->dout);
}

static float already_there(size_t i) {
    return 0.25f * (float)(i % 7) - 0.5f;
}

static float *prefilled(size_t n) {
    float *v = guarded(n * sizeof *v, 0);
    for (size_t i = 0; i < n; i++) v[i] = already_there(i);
    return v;
}

static float *take_added(float *v, size_t n, bool fresh) {
    if (!v) return NULL;
    float *added = fl_alloc((n + 1) * sizeof *added);
    for (size_t i = 0; i < n; i++) added[i] = v[i] - (fresh ? 0 : already_there(i));
    release(v);
    return added;
}

static unsigned allowed_reads(const trial *t, const fl_layer_call *c) {
    unsigned dx = t->plan.dx_reads, reads = 0;
    if ((dx & FL_READS_TRAINING) && !t->training) dx = 0;
    for (int i = 0; i < TRIAL_INPUTS; i++) reads |= c->din[i] ? dx : 0;
    for (int i = 0; i < FL_MAX_PARAMS; i++) reads |= c->grad[i] ? t->plan.dw_reads : 0;
    if (t->then != FL_ACT_LINEAR) reads |= t->ops->then_reads;
    return reads;
}

static void poison(const trial *t, fl_layer_call *c) {
    unsigned reads = allowed_reads(t, c);
    for (int i = 0; i < c->n_in && !(reads & FL_READS_INPUT); i++)
        memset((void *)c->in[i], 0xff, c->rows * trial_in_size(t, i) * sizeof(float));
    if (!(reads & FL_READS_OUTPUT))
        memset(c->out, 0xff, c->rows * trial_out_size(t) * sizeof(float));
    if (!(reads & FL_READS_SAVED)) memset(c->saved, 0xff, saved_bytes(t, c->rows));
    memset(c->work, 0xff, work_bytes(t));
}

static void ask_for(const trial *t, fl_layer_call *c) {
    for (int i = 0; i < c->n_in; i++)
        if (t->wanted & WANT_DIN << i) {
            c->din[i] = prefilled(c->rows * trial_in_size(t, i));
            c->fresh[i] = t->fresh;
            if (t->fresh) memset(c->din[i], 0xff, c->rows * trial_in_size(t, i) * sizeof(float));
        }
    for (int i = 0; i < t->plan.n_params; i++)
        if (trial_trains(t, i) && t->wanted & WANT_GRAD << i)
            c->grad[i] = prefilled(trial_param_size(t, i));
}

static float *plain_copy(const float *v, size_t n) {
    return memcpy(fl_alloc((n + 1) * sizeof *v), v, n * sizeof *v);
}

static void take_buffers(const trial *t, fl_layer_call *c, outcome *o) {
    for (int i = 0; i < t->plan.n_params; i++)
        if (c->buffer[i]) {
            o->buffer[i] = plain_copy(c->buffer[i], trial_param_size(t, i));
            release(c->buffer[i]);
        }
}

void trial_run(const trial *t, int first, int rows, outcome *o) {
    fl_layer_call c = call_of(t, first, rows);
    size_t n = trial_out_size(t);
    *o = (outcome){0};
    c.saved = guarded(saved_bytes(t, rows), 0xff);
    for (int i = 0; t->training && i < t->plan.n_params; i++)
        if (t->plan.param[i].buffer)
            c.buffer[i] = guarded_copy(t->param[i], trial_param_size(t, i) * sizeof(float));
    t->ops->forward(&c);
    o->out = plain_copy(c.out, rows * n);
    take_buffers(t, &c, o);
    memset(c.buffer, 0, sizeof c.buffer);
    c.dout = guarded_copy(t->dout + first * n, rows * n * sizeof(float));
    ask_for(t, &c);
    poison(t, &c);
    t->ops->backward(&c);
    for (int i = 0; i < TRIAL_INPUTS; i++)
        o->din[i] = take_added(c.din[i], i < c.n_in ? rows * trial_in_size(t, i) : 0, t->fresh);
    for (int i = 0; i < t->plan.n_params; i++)
        o->grad[i] = take_added(c.grad[i], trial_param_size(t, i), false);
    close_call(&c);
}

void outcome_close(outcome *o) {
    fl_free(o->out);
    for (int i = 0; i < TRIAL_INPUTS; i++) fl_free(o->din[i]);
    for (int i = 0; i < FL_MAX_PARAMS; i++) fl_free(o->grad[i]), fl_free(o->buffer[i]);
}

void trial_infer(const trial *t, float *out) {
    fl_layer_call c = call_of(t, 0, TRIAL_ROWS);
    if (t->training) c.saved = guarded(t->plan.saved_bytes, 0xff);
    t->ops->forward(&c);
    memcpy(out, c.out, TRIAL_ROWS * trial_out_size(t) * sizeof *out);
    close_call(&c);
}

double trial_loss(const trial *t) {
    size_t n = TRIAL_ROWS * trial_out_size(t);
    float *out = fl_alloc(n * sizeof *out);
    double loss = 0;
    trial_infer(t, out);
    for (size_t i = 0; i < n; i++) loss += (double)out[i] * t->dout[i];
    fl_free(out);
    return loss;
}

void assert_same(const trial *t, const char *what, const float *a, const float *b, size_t n,
                 double tolerance) {
    double size = 1;
    for (size_t i = 0; i < n; i++) size = fmax(size, fabs((double)b[i]));
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)a[i] - b[i]) <= tolerance * size))
            fail_msg("%s %s, %s: %s[%zu] is %g, not %g", t->ops->name, t->example->options,
                     t->training ? "training" : "inference", what, i, a[i], b[i]);
}
