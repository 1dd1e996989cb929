/* The conformance suite: what must hold of every layer, checked on the examples that each brings.
 */
#include "layer_check.h"

#include <string.h>

/* ---- options ---- */

static void check_options(const fl_layer_ops *ops, const fl_layer_example *e) {
    trial t;
    char why[256] = "";
    bool taken = trial_open(&t, ops, e, why);
    if (taken == e->refused)
        fail_msg("%s %s: refused is %d: %s", ops->name, e->options, !taken, why);
    if (!taken && !*why) fail_msg("%s %s: refused without a reason", ops->name, e->options);
    trial_close(&t);
}

static void options_parse_and_refuse(void **state) {
    (void)state;
    for (const fl_layer_ops *const *l = fl_layers_all(); *l; l++) {
        bool taken = false, refused = false;
        for (const fl_layer_example *e = (*l)->examples; e->options; e++) {
            check_options(*l, e);
            *(e->refused ? &refused : &taken) = true;
        }
        assert_true(taken && refused);
    }
}

static void unknown_options_are_refused(void **state) {
    (void)state;
    for (const fl_layer_ops *const *l = fl_layers_all(); *l; l++) {
        const fl_layer_example *first = (*l)->examples;
        const char *inside = first->options + 1;
        char *options = fl_format("{wibble: 1%s%s", *inside == '}' ? "" : ", ", inside);
        fl_layer_example e = {options, first->n_in, {first->in[0], first->in[1]}, true};
        check_options(*l, &e);
        fl_free(options);
    }
}

static void names_lead_to_layers(void **state) {
    (void)state;
    for (const fl_layer_ops *const *l = fl_layers_all(); *l; l++) {
        assert_ptr_equal(fl_layer_find((*l)->name), *l);
        assert_true((*l)->help && (*l)->min_in >= 1 && (*l)->max_in <= FL_MAX_INPUTS);
        for (const fl_layer_example *e = (*l)->examples; e->options; e++)
            assert_in_range(e->n_in, (*l)->min_in, (*l)->max_in);
    }
    assert_null(fl_layer_find("conv3d"));
}

/* Calls `check` for every example that is not refused, in inference and in training. */
static void for_each_trial(void (*check)(trial *t)) {
    char why[256];
    for (const fl_layer_ops *const *l = fl_layers_all(); *l; l++)
        for (const fl_layer_example *e = (*l)->examples; e->options; e++)
            for (int training = 0; training < 2 && !e->refused; training++) {
                trial t;
                if (!trial_open(&t, *l, e, why))
                    fail_msg("%s %s was refused: %s", (*l)->name, e->options, why);
                t.training = training;
                check(&t);
                trial_close(&t);
            }
}

/* ---- gradients ---- */

typedef struct slope {
    double value;
    bool kink; /* steps of one and of two sizes disagree */
} slope;

/* Steps up and down by h: the slope, and how much the two sides differ in theirs. */
static double difference(const trial *t, float *x, double h, double *bend) {
    float kept = *x;
    double here = trial_loss(t);
    *x = (float)(kept + h);
    double up = trial_loss(t), step_up = *x - kept;
    *x = (float)(kept - h);
    double down = trial_loss(t), step_down = kept - *x;
    *x = kept;
    *bend = (up - here) / step_up - (here - down) / step_down;
    return (up - down) / (step_up + step_down);
}

/* A curve's bend doubles with the step; that of a kink right here, where the slopes agree, does
 * not. */
static slope slope_at(const trial *t, float *x, double tolerance) {
    double h = 0.004, bend_one, bend_two;
    double one = difference(t, x, h, &bend_one), two = difference(t, x, 2 * h, &bend_two);
    return (slope){(4 * one - two) / 3,
                   fabs(one - two) > tolerance || fabs(2 * bend_one - bend_two) > tolerance};
}

static size_t kinks, slopes; /* seen so far */

/* About 40 elements, spread over the tensor. */
static void check_slopes(trial *t, const char *what, float *x, const float *gradient, size_t n) {
    double size = 0.5;
    for (size_t i = 0; i < n; i++) size = fmax(size, fabs((double)gradient[i]));
    for (size_t i = 0; i < n; i += n / 40 + 1) {
        slope s = slope_at(t, &x[i], 2e-3 * size);
        slopes++;
        kinks += s.kink;
        if (s.kink || fabs(s.value - gradient[i]) <= 2e-3 * size) continue;
        fail_msg("%s %s, %s: gradient of %s[%zu] is %g, the slope %g", t->ops->name,
                 t->example->options, t->training ? "training" : "inference", what, i, gradient[i],
                 s.value);
    }
}

static void check_gradients(trial *t) {
    outcome o;
    trial_run(t, 0, TRIAL_ROWS, &o);
    for (int i = 0; i < t->example->n_in; i++)
        check_slopes(t, "the input", t->in[i], o.din[i], TRIAL_ROWS * trial_in_size(t, i));
    for (int i = 0; i < t->plan.n_params; i++)
        if (trial_trains(t, i))
            check_slopes(t, t->plan.param[i].name, t->param[i], o.grad[i], trial_param_size(t, i));
    outcome_close(&o);
}

static void gradients_are_the_slopes(void **state) {
    (void)state;
    for_each_trial(check_gradients);
    assert_true(slopes > 2000 && kinks < slopes / 50);
}

/* A layer shows itself to be affine by f(2x) - f(x) = f(x) - f(0); then ⟨f(x) - f(0), y⟩ = ⟨x,
 * Aᵀy⟩. */
static void check_adjoint(trial *t) {
    double f[3], at_x = 0;
    outcome o;
    trial_run(t, 0, TRIAL_ROWS, &o);
    for (int i = 0; i < t->example->n_in; i++)
        for (size_t k = 0; k < TRIAL_ROWS * trial_in_size(t, i); k++)
            at_x += (double)t->in[i][k] * o.din[i][k];
    for (int scale = 2; scale >= 0; scale--) {
        for (int i = 0; i < t->example->n_in; i++)
            for (size_t k = 0; k < TRIAL_ROWS * trial_in_size(t, i); k++)
                t->in[i][k] *= scale == 2 ? 2 : scale == 1 ? 0.5f : 0;
        f[scale] = trial_loss(t);
    }
    bool affine = fabs(f[2] - 2 * f[1] + f[0]) < 1e-5 * (1 + fabs(f[2]));
    if (affine && fabs(f[1] - f[0] - at_x) > 1e-4 * (1 + fabs(at_x)))
        fail_msg("%s %s: <Ax, y> = %g, <x, A'y> = %g", t->ops->name, t->example->options,
                 f[1] - f[0], at_x);
    outcome_close(&o);
}

static void backward_is_the_adjoint_where_linear(void **state) {
    (void)state;
    for_each_trial(check_adjoint);
}

/* ---- what is asked for, and by whom ---- */

static void assert_same_gradients(const trial *t, const outcome *a, const outcome *b, int rows,
                                  double tolerance) {
    for (int i = 0; i < t->example->n_in; i++) {
        assert_true(!a->din[i] == !(t->wanted & WANT_DIN << i));
        if (a->din[i])
            assert_same(t, "din", a->din[i], b->din[i], rows * trial_in_size(t, i), tolerance);
    }
    for (int i = 0; i < t->plan.n_params; i++) {
        assert_true(!a->grad[i] == !(trial_trains(t, i) && t->wanted & WANT_GRAD << i));
        if (a->grad[i])
            assert_same(t, "grad", a->grad[i], b->grad[i], trial_param_size(t, i), tolerance);
    }
}

static void check_combinations(trial *t) {
    outcome all, some;
    t->kernels = fl_kernels_all()[1];
    trial_run(t, 0, TRIAL_ROWS, &all);
    for (unsigned wanted = 0; wanted < 1u << (TRIAL_INPUTS + 2); wanted++) {
        t->wanted = wanted;
        trial_run(t, 0, TRIAL_ROWS, &some);
        assert_same_gradients(t, &some, &all, TRIAL_ROWS, 0);
        outcome_close(&some);
    }
    outcome_close(&all);
}

static void any_choice_of_gradients_gives_the_same(void **state) {
    (void)state;
    for_each_trial(check_combinations);
}

static void check_kernels(trial *t) {
    outcome reference, o;
    trial_run(t, 0, TRIAL_ROWS, &reference);
    for (const fl_kernels *const *k = fl_kernels_all(); *k; k++) {
        t->kernels = *k;
        trial_run(t, 0, TRIAL_ROWS, &o);
        assert_same(t, "out", o.out, reference.out, TRIAL_ROWS * trial_out_size(t), 2e-5);
        assert_same_gradients(t, &o, &reference, TRIAL_ROWS, 2e-5);
        outcome_close(&o);
    }
    outcome_close(&reference);
}

static void kernels_agree(void **state) {
    (void)state;
    for_each_trial(check_kernels);
}

/* Inference saves nothing, and gives what a run that backward follows gives. */
static void check_inference(trial *t) {
    size_t n = TRIAL_ROWS * trial_out_size(t);
    float *out = fl_alloc(n * sizeof *out);
    outcome o;
    trial_run(t, 0, TRIAL_ROWS, &o);
    trial_infer(t, out);
    assert_memory_equal(out, o.out, n * sizeof *out);
    fl_free(out);
    outcome_close(&o);
}

static void saving_changes_nothing(void **state) {
    (void)state;
    for_each_trial(check_inference);
}

/* Input gradients that are written are those that are added. */
static void check_fresh(trial *t) {
    outcome added, written;
    for (const fl_kernels *const *k = fl_kernels_all(); *k && t->ops->writes_din; k++) {
        t->kernels = *k;
        t->fresh = false;
        trial_run(t, 0, TRIAL_ROWS, &added);
        t->fresh = true;
        trial_run(t, 0, TRIAL_ROWS, &written);
        assert_same_gradients(t, &written, &added, TRIAL_ROWS, 1e-6);
        outcome_close(&added), outcome_close(&written);
    }
}

static void written_gradients_are_the_added_ones(void **state) {
    (void)state;
    for_each_trial(check_fresh);
}

/* Done along, an activation is what it is behind the layer: forward on the output, backward on the
 * gradient that comes in. */
static void check_then(trial *t, fl_activation f) {
    const fl_each *each = &fl_each_reference;
    size_t n = TRIAL_ROWS * trial_out_size(t);
    outcome apart, along;
    float *dout = t->dout, *masked = memcpy(fl_alloc(n * sizeof *dout), dout, n * sizeof *dout);
    trial_run(t, 0, TRIAL_ROWS, &apart);
    each->activate(f, 1, n, apart.out, apart.out);
    each->activate_back(f, 1, n, apart.out, NULL, masked, NULL);
    float *out = apart.out;
    apart.out = NULL;
    outcome_close(&apart);
    t->dout = masked;
    trial_run(t, 0, TRIAL_ROWS, &apart);
    t->dout = dout;
    t->then = f;
    trial_run(t, 0, TRIAL_ROWS, &along);
    t->then = FL_ACT_LINEAR;
    assert_same(t, "out", along.out, out, n, 1e-6);
    assert_same_gradients(t, &along, &apart, TRIAL_ROWS, 1e-5);
    outcome_close(&apart), outcome_close(&along);
    fl_free(masked), fl_free(out);
}

static void check_thens(trial *t) {
    for (const fl_kernels *const *k = fl_kernels_all(); *k && t->ops->then_reads; k++) {
        t->kernels = *k;
        check_then(t, FL_ACT_RELU);
        check_then(t, FL_ACT_RELU6);
    }
}

static void an_activation_done_along_is_one_behind(void **state) {
    (void)state;
    for_each_trial(check_thens);
}

/* ---- rows ---- */

static void check_split(trial *t) {
    if (t->training && t->ops->traits & FL_LAYER_STATISTICS) return;
    outcome whole, a, b;
    size_t n = trial_out_size(t);
    trial_run(t, 0, TRIAL_ROWS, &whole);
    trial_run(t, 0, 1, &a);
    trial_run(t, 1, TRIAL_ROWS - 1, &b);
    assert_same(t, "out", a.out, whole.out, n, 1e-6);
    assert_same(t, "out", b.out, whole.out + n, (TRIAL_ROWS - 1) * n, 1e-6);
    for (int i = 0; i < t->example->n_in; i++) {
        size_t m = trial_in_size(t, i);
        assert_same(t, "din", a.din[i], whole.din[i], m, 1e-6);
        assert_same(t, "din", b.din[i], whole.din[i] + m, (TRIAL_ROWS - 1) * m, 1e-6);
    }
    for (int i = 0; i < t->plan.n_params; i++) {
        size_t m = trial_param_size(t, i);
        for (size_t k = 0; a.grad[i] && k < m; k++) a.grad[i][k] += b.grad[i][k];
        if (a.grad[i]) assert_same(t, "grad", a.grad[i], whole.grad[i], m, 1e-5);
    }
    outcome_close(&whole), outcome_close(&a), outcome_close(&b);
}

static void two_calls_are_one(void **state) {
    (void)state;
    for_each_trial(check_split);
}

static void check_no_rows(trial *t) {
    outcome o;
    for (const fl_kernels *const *k = fl_kernels_all(); *k; k++) {
        t->kernels = *k;
        t->global_rows = 0;
        trial_run(t, 0, 0, &o);
        for (int i = 0; i < t->plan.n_params; i++) {
            for (size_t j = 0; o.grad[i] && j < trial_param_size(t, i); j++)
                assert_true(o.grad[i][j] == 0);
            if (o.buffer[i])
                assert_same(t, "buffer", o.buffer[i], t->param[i], trial_param_size(t, i), 0);
        }
        outcome_close(&o);
    }
}

static void no_rows_add_nothing(void **state) {
    (void)state;
    for_each_trial(check_no_rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_parse_and_refuse),
        cmocka_unit_test(unknown_options_are_refused),
        cmocka_unit_test(names_lead_to_layers),
        cmocka_unit_test(gradients_are_the_slopes),
        cmocka_unit_test(backward_is_the_adjoint_where_linear),
        cmocka_unit_test(any_choice_of_gradients_gives_the_same),
        cmocka_unit_test(kernels_agree),
        cmocka_unit_test(saving_changes_nothing),
        cmocka_unit_test(written_gradients_are_the_added_ones),
        cmocka_unit_test(an_activation_done_along_is_one_behind),
        cmocka_unit_test(two_calls_are_one),
        cmocka_unit_test(no_rows_add_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
