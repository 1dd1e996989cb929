/* What `distributed.reproducible: ranks` asks of the rest of a config. */
#include "train/reproducible.h"

static void check_sizes(const fl_experiment *x, const fl_node *at) {
    int64_t shards = x->reduce.virtual_shards, rows = x->train.batch_size / x->train.accumulation;
    if (shards & (shards - 1))
        fl_node_error(at,
                      "'distributed.virtual_shards' is %lld, but reproducible shards are summed "
                      "in pairs of pairs; write a power of two",
                      (long long)shards);
    if (rows < shards)
        fl_node_error(at,
                      "a micro-batch of %lld row%s cannot be cut into %lld shards; raise "
                      "'train.batch_size', lower 'train.gradient_accumulation_steps', or lower "
                      "'distributed.virtual_shards'",
                      (long long)rows, rows == 1 ? "" : "s", (long long)shards);
    if (x->reduce.allreduce_dtype != FL_WIRE_FLOAT32)
        fl_node_error(at, "rounding between nodes depends on the ranks; for reproducible results "
                          "write 'distributed.allreduce_dtype: float32'");
}

static bool sums_while_training(const fl_experiment *x, int l) {
    const fl_model_layer *layer = &x->model->layer[l];
    for (int phase = 0; phase < fl_freeze_phases(x->freeze); phase++) {
        fl_freeze_apply(x->freeze, phase, x->model);
        if (layer->plan.sums && layer->trainable && !layer->is_static) return true;
    }
    return false;
}

/* Its shards are worked through one by one, so none can wait for the statistics of the others. */
static void check_layer(const fl_experiment *x, int l, const fl_node *at) {
    const fl_model_layer *layer = &x->model->layer[l];
    if (!sums_while_training(x, l)) return;
    fl_node_error(layer->node ? layer->node : at,
                  "layer '%s' trains on statistics of all ranks, which 'distributed.reproducible: "
                  "ranks' cannot have in the middle of a step; freeze it%s",
                  layer->name,
                  layer->node ? ", or write 'statistics: rank' (then each shard's own)" : "");
}

void fl_reproducible_check(const fl_experiment *x) {
    const fl_node *at = fl_node_get(fl_config_section(x->config, "distributed"), "reproducible");
    if (x->reduce.reproducible != FL_REPRODUCIBLE_RANKS) return;
    check_sizes(x, at);
    for (int l = 0; l < x->model->n_layers; l++) check_layer(x, l, at);
    fl_freeze_apply(x->freeze, 0, x->model);
}
