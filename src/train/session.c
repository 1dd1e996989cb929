/* Opening, filling and closing the memory of one freeze phase. */
#include "train/session.h"

#include <string.h>

static size_t bytes(size_t floats) {
    return floats * sizeof(float);
}

static fl_status open_common(fl_session *s, fl_window **window, float **floats) {
    FL_TRY(fl_window_open_common(s->comm, s->plan->n_trainable, window));
    *floats = fl_window_floats(*window);
    return FL_OK;
}

/* What trains and its optimizer state are the same on all ranks, so a node needs them once: each of
 * its ranks updates a share. The gradients lie where the neighbours can add them up. Collective. */
static fl_status open_windows(fl_session *s) {
    FL_TRY(open_common(s, &s->trainable_window, &s->trainable));
    for (int i = 0; i < s->x->optim.ops->slots; i++)
        FL_TRY(open_common(s, &s->slot_window[i], &s->slot[i]));
    FL_TRY(fl_window_open(s->comm, s->plan->n_trainable, &s->gradients_window));
    s->gradients = fl_window_floats(s->gradients_window);
    return FL_OK;
}

static void allocate(fl_session *s) {
    size_t n = (size_t)s->model->n_params;
    s->state = fl_alloc_pages(bytes(s->plan->n_state));
    s->value = fl_alloc(n * sizeof *s->value);
    s->born = fl_alloc(n * sizeof *s->born);
    s->hash = fl_alloc(n * sizeof *s->hash);
}

static float *region(const fl_session *s, fl_region r) {
    if (r == FL_REGION_TRAINABLE) return s->trainable;
    return r == FL_REGION_STATE ? s->state : fl_shared_data(s->frozen);
}

/* The ranks of a node fill together what they share: a parameter is filled by the one in whose part
 * its middle lies. */
static bool is_mine(fl_span s, size_t all, int part, int parts) {
    size_t middle = s.off + s.len / 2;
    return middle * (size_t)parts / all == (size_t)part;
}

static bool fills(const fl_session *s, const fl_place *p) {
    const fl_window *w = s->trainable_window;
    switch (p->region) {
    case FL_REGION_FROZEN:
        return is_mine(p->span, s->plan->n_frozen, fl_shared_part(s->frozen),
                       fl_shared_parts(s->frozen));
    case FL_REGION_TRAINABLE:
        return is_mine(p->span, s->plan->n_trainable, fl_window_part(w), fl_window_parts(w));
    default: return true;
    }
}

static void place_params(fl_session *s) {
    for (int i = 0; i < s->model->n_params; i++) {
        const fl_place *place = &s->plan->place[i];
        fl_param *param = &s->model->param[i];
        s->value[i] = region(s, place->region) + place->span.off;
        param->value = s->value[i];
        param->writable = fills(s, place) ? s->value[i] : NULL;
    }
}

/* Where all of it is packed, what lies here is read again only to be saved, or to be checked. */
static fl_status open_frozen(fl_session *s) {
    bool seldom = s->phase != FL_PHASE_INFERENCE && fl_plan_packs_all(s->plan);
    return (seldom ? fl_shared_open_seldom : fl_shared_open)(s->comm, bytes(s->plan->n_frozen),
                                                             &s->frozen);
}

fl_status fl_session_open(fl_comm *c, const fl_experiment *x, int phase, fl_session **out) {
    fl_session *s = fl_alloc(sizeof *s);
    *out = s;
    s->comm = c;
    s->x = x;
    s->model = x->model;
    s->phase = phase;
    FL_TRY(fl_comm_agree(c, fl_experiment_plan(x, phase, fl_comm_size(c), &s->plan)));
    char *text = fl_plan_text(s->plan);
    fl_status same = fl_comm_same_text(c, "plan", text);
    fl_free(text);
    FL_TRY(same);
    FL_TRY(open_frozen(s));
    FL_TRY(open_windows(s));
    allocate(s);
    place_params(s);
    return FL_OK;
}

fl_status fl_session_fill(fl_session *s, const char *weights, bool strict,
                          const fl_strings *reinit) {
    FL_TRY(fl_same_weights(s->comm, weights));
    fl_status status = fl_model_fill(s->model, (uint64_t)s->x->run.seed, weights, strict, reinit);
    return fl_comm_agree(s->comm, status);
}

static fl_status load_all(fl_session *s, const char *weights) {
    int filled = 0, wanted = s->model->n_params;
    FL_TRY(fl_model_load(s->model, weights, true, NULL, &filled));
    if (filled == wanted) return FL_OK;
    return fl_fail(
        FL_ERR_INPUT,
        "'%s' holds %d of the net's %d parameters; give the weights of the whole net, such as "
        "checkpoints/latest/model.safetensors of a run",
        weights, filled, wanted);
}

fl_status fl_session_fill_all(fl_session *s, const char *weights) {
    FL_TRY(fl_same_weights(s->comm, weights));
    return fl_comm_agree(s->comm, load_all(s, weights));
}

static void carry_param(fl_session *s, const fl_session *old, int i, int64_t step) {
    fl_param *param = &s->model->param[i];
    const fl_place *now = &s->plan->place[i], *before = &old->plan->place[i];
    if (param->writable) memcpy(param->writable, old->value[i], bytes(param->len));
    if (now->region != FL_REGION_TRAINABLE) return;
    bool continues = before->region == FL_REGION_TRAINABLE;
    s->born[i] = continues ? old->born[i] : step;
    for (int k = 0; continues && param->writable && k < s->x->optim.ops->slots; k++)
        memcpy(s->slot[k] + now->span.off, old->slot[k] + before->span.off, bytes(param->len));
}

void fl_session_carry(fl_session *s, const fl_session *old, int64_t step) {
    fl_session_gather_slots(old);
    for (int i = 0; i < s->model->n_params; i++) carry_param(s, old, i, step);
}

static void sum_ranks(void *context, double *v, size_t n) {
    fl_session *s = context;
    fl_comm_sum_double(s->comm, v, n);
}

static void begin_bucket(void *context, int bucket) {
    fl_session *s = context;
    fl_reduce_begin(s->reduce, bucket);
}

static fl_status open_reduce(fl_session *s) {
    fl_span *spans = fl_phase_buckets(s->plan);
    fl_status status = fl_reduce_open(s->comm, &s->x->reduce, s->plan->n_buckets, spans,
                                      s->gradients_window, &s->reduce);
    fl_free(spans);
    return status;
}

static fl_status open_engine(fl_session *s) {
    fl_engine_conf conf = {
        .packed = fl_shared_data(s->packed),
        .gradients = s->gradients,
        .sum = sum_ranks,
        .ready = begin_bucket,
        .context = s,
        .seed = (uint64_t)s->x->run.seed,
    };
    FL_TRY(fl_kernels_select(&conf.kernels));
    return fl_engine_open(s->plan, &conf, &s->engine);
}

static uint64_t hash_param(const fl_session *s, int i) {
    return fl_hash(s->value[i], bytes(s->model->param[i].len), 0);
}

/* Of this rank's part of the packed weights: a node's ranks check them together. */
static uint64_t hash_packed(const fl_session *s) {
    size_t n = fl_plan_packed_floats(s->plan), parts = (size_t)fl_shared_parts(s->packed);
    size_t part = (size_t)fl_shared_part(s->packed), from = n * part / parts;
    const float *packed = fl_shared_data(s->packed);
    return fl_hash(packed + from, bytes(n * (part + 1) / parts - from), 0);
}

static bool is_frozen(const fl_session *s, int i) {
    return s->plan->place[i].region == FL_REGION_FROZEN;
}

/* Neighbours in memory with equal treatment become one group: backward's order, so layers run
 * backwards. */
static void make_groups(fl_session *s) {
    s->group = fl_alloc((size_t)s->model->n_params * sizeof *s->group);
    for (int l = s->model->n_layers - 1; l >= 0; l--)
        for (int k = 0; k < s->model->layer[l].n_params; k++) {
            int i = s->model->layer[l].first_param + k;
            fl_group g = {s->plan->place[i].span, s->x->rate_scale[l], s->x->decay_scale[l],
                          s->born[i]};
            if (s->plan->place[i].region != FL_REGION_TRAINABLE) continue;
            fl_group *last = s->n_groups ? &s->group[s->n_groups - 1] : NULL;
            bool joins = last && last->rate_scale == g.rate_scale &&
                         last->decay_scale == g.decay_scale && last->born == g.born;
            if (joins)
                last->span.len += g.span.len;
            else
                s->group[s->n_groups++] = g;
        }
}

/* Once a node, by its ranks together, like the weights themselves. */
static fl_status pack(fl_session *s) {
    FL_TRY(fl_shared_open(s->comm, bytes(fl_plan_packed_floats(s->plan)), &s->packed));
    fl_plan_pack(s->plan, fl_shared_data(s->packed), fl_shared_part(s->packed),
                 fl_shared_parts(s->packed));
    fl_shared_seal(s->packed);
    return FL_OK;
}

fl_status fl_session_start(fl_session *s) {
    fl_shared_seal(s->frozen);
    FL_TRY(pack(s));
    for (int i = 0; i < s->model->n_params; i++)
        if (is_frozen(s, i)) {
            s->model->param[i].writable = NULL;
            s->hash[i] = hash_param(s, i);
        }
    s->packed_hash = hash_packed(s);
    fl_shared_rest(s->frozen);
    make_groups(s);
    FL_TRY(open_reduce(s));
    fl_session_forget_slots(s);
    return fl_comm_agree(s->comm, open_engine(s));
}

static fl_status changed(const char *what, const char *name) {
    return fl_fail(FL_ERR_DISAGREE,
                   "the frozen %s%s changed while training; its values are not to be trusted (a "
                   "stray write, or faulty memory)",
                   what, name);
}

fl_status fl_session_verify(const fl_session *s) {
    fl_status status = FL_OK;
    for (int i = 0; i < s->model->n_params && status == FL_OK; i++)
        if (is_frozen(s, i) && hash_param(s, i) != s->hash[i])
            status = changed("parameter ", s->model->param[i].name);
    if (status == FL_OK && hash_packed(s) != s->packed_hash)
        status = changed("weights as packed for the kernels", "");
    fl_shared_rest(s->frozen);
    return fl_comm_agree(s->comm, status);
}

fl_status fl_session_same(const fl_session *s, const char *what) {
    size_t n = (size_t)s->model->n_params;
    const char **names = fl_alloc(n * sizeof *names);
    uint64_t *hashes = fl_alloc(n * sizeof *hashes);
    for (size_t i = 0; i < n; i++) {
        names[i] = s->model->param[i].name;
        hashes[i] = is_frozen(s, (int)i) ? s->hash[i] : hash_param(s, (int)i);
    }
    fl_status status = fl_comm_same_hashes(s->comm, what, n, names, hashes);
    fl_free(names);
    fl_free(hashes);
    return status;
}

void fl_session_close(fl_session *s) {
    if (!s) return;
    fl_engine_close(s->engine);
    fl_reduce_close(s->reduce);
    if (s->plan) { fl_free_pages(s->state, bytes(s->plan->n_state)); }
    for (int i = 0; i < FL_MAX_SLOTS; i++) fl_window_close(s->slot_window[i]);
    fl_window_close(s->trainable_window);
    fl_window_close(s->gradients_window);
    fl_shared_close(s->frozen);
    fl_shared_close(s->packed);
    fl_plan_close(s->plan);
    fl_free(s->value);
    fl_free(s->born);
    fl_free(s->hash);
    fl_free(s->group);
    fl_free(s);
}
