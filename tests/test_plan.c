/* plan: memory by liveness, places and buckets, and the engine that runs it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frostline/config.h"
#include "frostline/data.h"
#include "plan/schedule.h"
#include "unit.h"

/* ---- blocks ---- */

static void blocks_never_overlap(void **state) {
    (void)state;
    enum { N = 60 };
    for (uint32_t trial = 0; trial < 200; trial++) {
        fl_rng r = {7, FL_STREAM_SYNTHETIC, trial, 0};
        fl_block b[N];
        for (uint64_t i = 0; i < N; i++) {
            int from = (int)fl_rng_below(&r, 3 * i, 40),
                length = (int)fl_rng_below(&r, 3 * i + 1, 12);
            b[i] = (fl_block){1 + fl_rng_below(&r, 3 * i + 2, 5000), 0, from, from + length, NULL};
        }
        size_t total = fl_blocks_place(b, N), sum = 0, busiest = 0;
        for (int i = 0; i < N; i++) {
            sum += b[i].bytes;
            assert_true(b[i].at + b[i].bytes <= total && b[i].at % 64 == 0);
            for (int j = 0; j < i; j++) {
                bool meet = b[i].from <= b[j].to && b[j].from <= b[i].to;
                bool apart = b[i].at + b[i].bytes <= b[j].at || b[j].at + b[j].bytes <= b[i].at;
                assert_true(!meet || apart);
            }
        }
        for (int tick = 0; tick < 52; tick++) {
            size_t alive = 0;
            for (int i = 0; i < N; i++)
                if (b[i].from <= tick && tick <= b[i].to) alive += b[i].bytes;
            if (alive > busiest) busiest = alive;
        }
        assert_true(busiest <= total && total < sum);
        assert_true(total <= busiest + busiest / 3); /* greedy is near the bound */
    }
}

/* ---- a net with a branch, a residual sum, batch norm and every kind of layer memory ---- */

static const char first_net[] =
    "model:\n"
    "  input: [6, 6, 2]\n"
    "  layers:\n"
    "    - conv2d: {name: c1, filters: 4, kernel_size: 3, padding: same, activation: relu}\n"
    "    - batch_norm: {name: bn}\n"
    "    - conv2d: {name: c2, filters: 4, kernel_size: 3, padding: same, activation: tanh}\n"
    "    - add: {name: sum, inputs: [c1, c2]}\n"
    "    - depthwise_conv2d: {name: dw, kernel_size: 3, padding: same, activation: gelu}\n"
    "    - concat: {name: both, inputs: [dw, bn]}\n"
    "    - conv2d: {name: c3, filters: 8, kernel_size: 1, activation: tanh}\n"
    "    - max_pool2d: {name: pool, pool_size: 2}\n"
    "    - flatten: {name: flat}\n"
    "    - dropout: {name: drop, rate: 0.3}\n"
    "    - dense: {name: d1, units: 5, activation: sigmoid}\n"
    "    - dense: {name: d2, units: 3}\n";

static const char *net_text = first_net;

typedef struct net {
    fl_config *config;
    fl_model *m;
    fl_freeze *freeze;
    fl_plan *p;
    float *weights[3], *gradients, *packed;
    fl_engine *e;
} net;

enum { ROWS = 5 };

static void place_values(net *n) {
    size_t floats[] = {n->p->n_trainable, n->p->n_frozen, n->p->n_state};
    for (int i = 0; i < 3; i++) n->weights[i] = fl_alloc(floats[i] * sizeof(float));
    for (int i = 0; i < n->m->n_params; i++) {
        fl_place place = n->p->place[i];
        n->m->param[i].value = n->m->param[i].writable = n->weights[place.region] + place.span.off;
    }
    fl_model_init(n->m, 11);
}

static void one_rank(void *context, double *v, size_t count) {
    (void)context, (void)v, (void)count;
}

static size_t part_bytes, kept_bytes; /* 0 but where a test sets them */

static void open_net_with(net *n, const char *freeze, int bucket_bytes, const fl_kernels *kernels) {
    fl_model_conf conf;
    fl_freeze_conf rules;
    char *text = fl_format("%sfreeze: %s\n", net_text, freeze);
    *n = (net){0};
    assert_int_equal(fl_config_parse("net", text, 0, NULL, &n->config), FL_OK);
    fl_free(text);
    fl_node *model = fl_config_section(n->config, "model"),
            *section = fl_config_section(n->config, "freeze");
    fl_fields_parse(model, "model", fl_model_fields, NULL, &conf);
    fl_fields_parse(section, "freeze", fl_freeze_fields, NULL, &rules);
    fl_model_open(&conf, model, &n->m);
    if (n->m) fl_freeze_open(&rules, section, n->m, &n->freeze);
    if (fl_config_check(n->config) != FL_OK) fail_msg("%s", fl_message());
    fl_freeze_apply(n->freeze, 0, n->m);
    fl_plan_conf c = {.np = 1,
                      .batch_size = ROWS,
                      .accumulation = 1,
                      .bucket_bytes = (size_t)bucket_bytes,
                      .optimizer_slots = 2,
                      .part_bytes = part_bytes,
                      .kept_bytes = kept_bytes,
                      .kernels = kernels};
    assert_int_equal(fl_plan_open(n->m, &c, &n->p), FL_OK);
    place_values(n);
    n->gradients = fl_alloc(n->p->n_trainable * sizeof(float));
    n->packed = fl_alloc_pages(fl_plan_packed_floats(n->p) * sizeof(float));
    for (int part = 2; part >= 0; part--) fl_plan_pack(n->p, n->packed, part, 3);
    fl_engine_conf e = {.kernels = kernels,
                        .packed = n->packed,
                        .gradients = n->gradients,
                        .sum = one_rank,
                        .seed = 3};
    assert_int_equal(fl_engine_open(n->p, &e, &n->e), FL_OK);
}

static void open_net(net *n, const char *freeze, int bucket_bytes) {
    open_net_with(n, freeze, bucket_bytes, &fl_kernels_reference);
}

static void close_net(net *n) {
    fl_engine_close(n->e);
    fl_free_pages(n->packed, fl_plan_packed_floats(n->p) * sizeof(float));
    fl_plan_close(n->p);
    fl_freeze_close(n->freeze);
    fl_model_close(n->m);
    fl_config_close(n->config);
    for (int i = 0; i < 3; i++) fl_free(n->weights[i]);
    fl_free(n->gradients);
}

static fl_batch batch(int rows, const float *x) {
    static const int64_t ids[ROWS] = {4, 9, 2, 7, 1};
    return (fl_batch){
        .rows = rows, .global_rows = rows, .step_rows = rows, .x = x, .sample = ids, .last = true};
}

static void fill(float *v, size_t n, uint64_t seed) {
    fl_rng r = {seed, FL_STREAM_SYNTHETIC, 0, 0};
    for (size_t i = 0; i < n; i++) v[i] = (float)fl_rng_normal(&r, i);
}

/* L = Σ logits · v; returns L, and leaves dL/dw in the gradients, whatever these held, if asked. */
static double loss(net *n, const float *v, bool backward) {
    static float x[ROWS * 72]; /* backward may be called later on */
    fill(x, ROWS * 72, 5);
    fl_batch b = batch(ROWS, x);
    const float *logits = fl_engine_forward(n->e, &b, true, 1);
    double sum = 0;
    for (int i = 0; i < ROWS * 3; i++) sum += (double)logits[i] * v[i];
    if (!backward) return sum;
    memset(n->gradients, 0xff, n->p->n_trainable * sizeof(float));
    memcpy(fl_engine_logits_gradient(n->e), v, ROWS * 3 * sizeof(float));
    fl_engine_backward(n->e, true);
    return sum;
}

static void check_differences(void) {
    net n;
    float v[ROWS * 3];
    fill(v, ROWS * 3, 6);
    open_net(&n, "{}", 100);
    loss(&n, v, true);
    int checked = 0, off = 0; /* relu and max pooling have kinks, which a difference may straddle */
    for (size_t i = 0; i < n.p->n_trainable; i += 7, checked++) {
        float *w = &n.weights[FL_REGION_TRAINABLE][i], kept = *w, step = 2e-3f;
        *w = kept + step;
        double up = loss(&n, v, false);
        *w = kept - step;
        double down = loss(&n, v, false), slope = (up - down) / (2 * (double)step);
        *w = kept;
        off += fabs(slope - n.gradients[i]) > 0.01 + 0.02 * fabs(slope);
    }
    assert_true(checked > 80 && off <= checked / 25);
    close_net(&n);
}

static void whole_net_gradients(void **state) {
    (void)state;
    check_differences();
}

/* A step's gradient is the sum over its micro-batches; the next step's begins anew. */
static void micro_batches_add(void **state) {
    (void)state;
    net n;
    float v[ROWS * 3], once[4096];
    fill(v, ROWS * 3, 6);
    open_net(&n, "{}", 100);
    loss(&n, v, true);
    size_t count = n.p->n_trainable;
    assert_true(count <= FL_COUNT(once));
    memcpy(once, n.gradients, count * sizeof(float));
    for (int i = 0; i < 3; i++) {
        loss(&n, v, false);
        memcpy(fl_engine_logits_gradient(n.e), v, ROWS * 3 * sizeof(float));
        fl_engine_backward(n.e, i == 2);
    }
    for (size_t i = 0; i < count; i++)
        assert_true(fabsf(n.gradients[i] - 3 * once[i]) <= 1e-4f * (1 + fabsf(once[i])));
    loss(&n, v, true);
    assert_memory_equal(n.gradients, once, count * sizeof(float));
    close_net(&n);
}

static const float *gradient_of(const net *n, int param) {
    fl_place place = n->p->place[param];
    return place.region == FL_REGION_TRAINABLE ? n->gradients + place.span.off : NULL;
}

/* ---- a tensor with many readers, one of them twice, behind layers that do their relu along ----
 */

static char *branches(const char *apart) { /* what stands between such a layer and its relu */
    return fl_format("model:\n"
                     "  input: [6, 6, 2]\n"
                     "  layers:\n"
                     "    - conv2d: {name: c1, filters: 4, kernel_size: 3, padding: same}\n"
                     "    - batch_norm: {name: bn1}\n%s"
                     "    - activation: {name: r1, activation: relu}\n"
                     "    - conv2d: {name: c2, filters: 4, kernel_size: 3, padding: same}\n"
                     "    - batch_norm: {name: bn2}\n"
                     "    - add: {name: sum, inputs: [r1, bn2]}\n%s"
                     "    - activation: {name: r2, activation: relu6}\n"
                     "    - add: {name: twice, inputs: [r2, r2]}\n"
                     "    - concat: {name: both, inputs: [twice, r1, r2, twice]}\n"
                     "    - conv2d: {name: c3, filters: 8, kernel_size: 1, activation: relu}\n"
                     "    - max_pool2d: {name: pool, pool_size: 2}\n"
                     "    - flatten: {name: flat}\n"
                     "    - dense: {name: d1, units: 8}\n"
                     "    - dense: {name: d2, units: 3}\n",
                     apart, apart);
}

static void branching_gradients(void **state) {
    (void)state;
    char *text = branches("");
    net_text = text;
    check_differences();
    micro_batches_add(state);
    net_text = first_net;
    fl_free(text);
}

static void open_branches(net *n, const char *apart, const fl_kernels *k, const char *freeze) {
    char *text = branches(apart);
    net_text = text;
    open_net_with(n, freeze, 100, k);
    net_text = first_net;
    fl_free(text);
}

static void assert_same_gradients(const net *a, const net *b) {
    for (int i = 0; i < a->m->n_params; i++) {
        const float *x = gradient_of(a, i), *y = gradient_of(b, i);
        for (size_t k = 0; x && k < a->m->param[i].len; k++)
            assert_true(fabsf(x[k] - y[k]) <= 1e-3f * (1 + fabsf(y[k])));
    }
}

/* Whether batch norm and add do the relu behind them along, or a linear layer keeps them apart. */
static void relu_along_is_relu_behind(void **state) {
    (void)state;
    const char *const masks[] = {"{}", "{layers: [bn1, c2]}", "{until: r1}", "{until: both}"};
    const int fused[] = {2, 2, 1, 0};
    float v[ROWS * 3];
    fill(v, ROWS * 3, 6);
    for (size_t i = 0; i < FL_COUNT(masks); i++)
        for (const fl_kernels *const *k = fl_kernels_all(); *k; k++) {
            net along, apart;
            int count = 0;
            open_branches(&along, "", *k, masks[i]);
            open_branches(&apart, "    - activation: {activation: linear}\n", &fl_kernels_reference,
                          masks[i]);
            for (int l = 0; l < along.m->n_layers; l++) count += along.p->schedule->behind[l] >= 0;
            assert_int_equal(count, fused[i]);
            for (int l = 0; l < apart.m->n_layers; l++)
                assert_int_equal(apart.p->schedule->behind[l], -1);
            loss(&along, v, true);
            loss(&apart, v, true);
            assert_same_gradients(&along, &apart);
            close_net(&along), close_net(&apart);
        }
}

/* What trains gets the very same gradient whatever else is frozen: nothing that it needs was
 * skipped or written over. Batch norm stays trainable or static throughout, for frozen it runs on
 * other statistics. */
static void freezing_changes_no_gradient(void **state) {
    (void)state;
    const char *const masks[] = {"{layers: [c2]}",     "{layers: [dw]}",
                                 "{layers: [d1]}",     "{layers: [c3]}",
                                 "{layers: [c1]}",     "{layers: [c1, dw, d2]}",
                                 "{layers: [d1, d2]}", "{layers: [c1, c2, dw, d1]}",
                                 "{layers: [c2, d2]}"};
    float v[ROWS * 3];
    fill(v, ROWS * 3, 6);
    net all;
    open_net(&all, "{}", 1 << 20);
    loss(&all, v, true);
    for (size_t k = 0; k < FL_COUNT(masks); k++) {
        net some;
        open_net(&some, masks[k], 1 << 20);
        loss(&some, v, true);
        for (int i = 0; i < some.m->n_params; i++) {
            const float *a = gradient_of(&all, i), *b = gradient_of(&some, i);
            if (b) assert_memory_equal(a, b, some.m->param[i].len * sizeof(float));
        }
        close_net(&some);
    }
    close_net(&all);
}

static void frozen_needs_less(void **state) {
    (void)state;
    net all, head;
    open_net(&all, "{}", 1 << 20);
    open_net(&head, "{until: drop}", 1 << 20);
    assert_true(head.p->memory.activations < all.p->memory.activations);
    assert_int_equal(head.p->n_unfrozen, all.p->n_trainable);
    assert_int_equal(fl_plan_payload_bytes(head.p), 4 * (8 * 9 * 5 + 5 + 5 * 3 + 3));
    assert_true(head.p->layer[fl_model_find(head.m, "drop")].frost_line);
    close_net(&all);
    close_net(&head);
}

/* What is only pooled is not kept for the way back: the pooling takes its activation along. */
static void pooling_takes_the_activation_along(void **state) {
    (void)state;
    net n;
    open_net(&n, "{}", 1 << 20);
    const struct fl_schedule *s = n.p->schedule;
    int c3 = fl_model_find(n.m, "c3"), pool = fl_model_find(n.m, "pool"), handed = 0;
    for (int l = 0; l < n.m->n_layers; l++) handed += s->handed[l] >= 0;
    assert_int_equal(handed, 1);
    assert_int_equal(s->handed[pool], c3);
    close_net(&n);
    open_net(&n, "{until: both}", 1 << 20);
    assert_int_equal(n.p->schedule->handed[pool], c3);
    close_net(&n);
    open_net(&n, "{until: pool}", 1 << 20);
    assert_int_equal(n.p->schedule->handed[pool], -1);
    close_net(&n);
}

static void buckets_cut_the_payload(void **state) {
    (void)state;
    for (int bytes = 1; bytes < 20000; bytes = bytes * 3 + 7) {
        net n;
        open_net(&n, "{layers: [c2]}", bytes);
        size_t off = 0, held = 0;
        int before = n.m->n_layers;
        for (int i = 0; i < n.p->n_buckets; i++) {
            const fl_bucket *b = &n.p->bucket[i];
            assert_int_equal(b->span.off, off);
            assert_true(b->span.len > 0 && b->ready <= before);
            off += b->span.len, before = b->ready, held += b->span.len;
        }
        assert_int_equal(held, n.p->n_trainable);
        assert_int_equal(fl_plan_payload_bytes(n.p), held * sizeof(float));
        close_net(&n);
    }
}

/* Buckets are announced in order, each once, and their gradients do not change any more. */
typedef struct watch {
    net *n;
    int next;
    float copy[4096];
} watch;

static void ready(void *context, int bucket) {
    watch *w = context;
    assert_int_equal(bucket, w->next++);
    fl_span s = w->n->p->bucket[bucket].span;
    memcpy(w->copy + s.off, w->n->gradients + s.off, s.len * sizeof(float));
}

static void buckets_are_ready_when_said(void **state) {
    (void)state;
    net n;
    float v[ROWS * 3];
    watch w = {.n = &n};
    fill(v, ROWS * 3, 6);
    open_net(&n, "{}", 64);
    fl_engine_close(n.e);
    fl_engine_conf e = {.kernels = &fl_kernels_reference,
                        .packed = n.packed,
                        .gradients = n.gradients,
                        .sum = one_rank,
                        .ready = ready,
                        .context = &w};
    fl_engine_open(n.p, &e, &n.e);
    loss(&n, v, true);
    assert_int_equal(w.next, n.p->n_buckets);
    assert_true(n.p->n_trainable <= FL_COUNT(w.copy));
    assert_memory_equal(w.copy, n.gradients, n.p->n_trainable * sizeof(float));
    close_net(&n);
}

static void no_rows_no_gradient(void **state) {
    (void)state;
    net n;
    open_net(&n, "{}", 1 << 20);
    fl_batch b = batch(0, NULL);
    memset(n.gradients, 0xff, n.p->n_trainable * sizeof(float));
    fl_engine_forward(n.e, &b, true, 1);
    fl_engine_backward(n.e, true);
    for (size_t i = 0; i < n.p->n_trainable; i++) assert_true(n.gradients[i] == 0);
    close_net(&n);
}

/* Whatever runs the static part, in whatever parts and fused as it may be: the logits are those of
 * the reference. */
static void static_part_is_the_same(void **state) {
    (void)state;
    float x[ROWS * 72], expected[ROWS * 3];
    fill(x, ROWS * 72, 5);
    for (const fl_kernels *const *k = fl_kernels_all(); *k; k++)
        for (int rows = 1; rows <= ROWS; rows++) {
            net n;
            open_net_with(&n, "{layers: [d1], until: drop}", 1 << 20, *k);
            fl_batch b = batch(rows, x);
            const float *logits = fl_engine_forward(n.e, &b, false, 1);
            if (*k == &fl_kernels_reference && rows == 1) memset(expected, 0, sizeof expected);
            if (*k == &fl_kernels_reference)
                memcpy(expected, logits, (size_t)rows * 3 * sizeof(float));
            for (int i = 0; i < rows * 3; i++) assert_true(fabsf(logits[i] - expected[i]) < 1e-4f);
            close_net(&n);
        }
}

/* However few rows go through which layers at a time, each row becomes the same, to the bit. */
static void parts_change_nothing(void **state) {
    (void)state;
    float x[ROWS * 72], expected[ROWS * 3];
    int most = 0;
    fill(x, ROWS * 72, 5);
    for (const fl_kernels *const *k = fl_kernels_all(); *k; k++)
        for (part_bytes = 0; part_bytes < 6000; part_bytes += 599) {
            net n;
            kept_bytes = part_bytes % 2; /* 0: as usual, much more than these weights */
            open_net_with(&n, "{layers: [d1], until: drop}", 1 << 20, *k);
            fl_batch b = batch(ROWS, x);
            const float *logits = fl_engine_forward(n.e, &b, false, 1);
            if (part_bytes == 0) memcpy(expected, logits, sizeof expected);
            assert_memory_equal(logits, expected, sizeof expected);
            if (n.p->schedule->n_segments > most) most = n.p->schedule->n_segments;
            close_net(&n);
        }
    part_bytes = kept_bytes = 0;
    assert_true(most > 2);
}

static void wire_bytes(void **state) {
    (void)state;
    fl_plan p = {.conf = {.np = 4}};
    assert_int_equal(fl_plan_wire_bytes(&p, 527912), 791868);
    p.conf.np = 1;
    assert_int_equal(fl_plan_wire_bytes(&p, 527912), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_never_overlap),
        cmocka_unit_test(whole_net_gradients),
        cmocka_unit_test(branching_gradients),
        cmocka_unit_test(relu_along_is_relu_behind),
        cmocka_unit_test(freezing_changes_no_gradient),
        cmocka_unit_test(frozen_needs_less),
        cmocka_unit_test(pooling_takes_the_activation_along),
        cmocka_unit_test(buckets_cut_the_payload),
        cmocka_unit_test(buckets_are_ready_when_said),
        cmocka_unit_test(micro_batches_add),
        cmocka_unit_test(no_rows_no_gradient),
        cmocka_unit_test(static_part_is_the_same),
        cmocka_unit_test(parts_change_nothing),
        cmocka_unit_test(wire_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
