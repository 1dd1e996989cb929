/* frostline plan --what-if: every depth at which a net may be frozen, and what a step would take.
 */
#include <stdio.h>
#include <string.h>

#include "cli/plan.h"

typedef struct depths {
    int n;
    char **rule, **override; /* "until: block1_pool", freeze={until: "block1_pool"} */
} depths;

static void add(depths *d, char *rule, char *override) {
    d->rule = fl_resize(d->rule, (size_t)(d->n + 1) * sizeof *d->rule);
    d->override = fl_resize(d->override, (size_t)(d->n + 1) * sizeof *d->override);
    d->rule[d->n] = rule;
    d->override[d->n++] = override;
}

static void close_depths(depths *d) {
    for (int i = 0; i < d->n; i++) {
        fl_free(d->rule[i]);
        fl_free(d->override[i]);
    }
    fl_free(d->rule);
    fl_free(d->override);
}

/* A batch norm goes with the layer before it. */
static bool begins(const fl_model_layer *l) {
    return l->n_params > 0 && strcmp(l->ops->name, "batch_norm") != 0;
}

/* Before each layer with weights but the first: what lies between two of them costs nothing to
 * freeze. */
static depths list(const fl_model *m) {
    depths d = {0};
    bool first = true;
    add(&d, fl_strdup("nothing"), fl_strdup("freeze={}"));
    for (int l = 0; l < m->n_layers; l++) {
        if (!begins(&m->layer[l])) continue;
        const char *name = l > 0 ? m->layer[l - 1].name : NULL;
        if (!first) add(&d, fl_format("until %s", name), fl_format("freeze={until: \"%s\"}", name));
        first = false;
    }
    return d;
}

typedef struct ground { /* on which all depths stand */
    const fl_cli *cli;
    fl_site *site;
    size_t data_bytes; /* of a rank */
} ground;

static fl_what_if_point point_of(const ground *g, const fl_experiment *x, fl_plan *p) {
    int np = p->conf.np, nodes = fl_site_nodes(g->site, np);
    size_t all = p->n_trainable + p->n_frozen + p->n_state;
    p->memory.data = g->data_bytes;
    fl_site_foretell(g->site, x, p);
    return (fl_what_if_point){
        .nodes = nodes,
        .frozen = 1 - (double)p->n_trainable / (double)all,
        .payload = (double)fl_plan_payload_bytes(p),
        .memory = (double)fl_plan_memory_per_node(p) +
                  (double)fl_plan_memory_per_rank(p) * ((np + nodes - 1) / nodes),
        .step = p->cost.step,
        .cached_step = p->cost.cached_step > 0 ? p->cost.cached_step : p->cost.step,
    };
}

static fl_status fill_points(const ground *g, const fl_experiment *x, int depth, fl_what_if *out) {
    for (int i = 0; i < out->n_np; i++) {
        fl_plan *p;
        FL_TRY(fl_experiment_plan(x, 0, out->np[i], &p));
        out->point[depth * out->n_np + i] = point_of(g, x, p);
        out->keeps |= p->cost.cached_step > 0;
        fl_plan_close(p);
    }
    return FL_OK;
}

static fl_status fill(const ground *g, const depths *d, fl_what_if *out) {
    fl_status status = FL_OK;
    for (int k = 0; k < d->n && status == FL_OK; k++) {
        fl_config *config;
        fl_experiment *x;
        FL_TRY(fl_cli_vary(g->cli, d->override[k], &config, &x));
        status = fill_points(g, x, k, out);
        fl_experiment_close(x);
        fl_config_close(config);
    }
    return status;
}

fl_status fl_plan_what_if(const fl_cli *cli, const fl_plan_wish *w) {
    ground g = {.cli = cli};
    FL_TRY(fl_plan_site(cli, w, &g.site));
    fl_data *data = fl_plan_data(cli);
    g.data_bytes = fl_data_bytes(data);
    fl_data_close(data);
    depths d = list(cli->x->model);
    const fl_network *network = fl_site_network(g.site);
    fl_what_if table = {.n_np = w->n_np,
                        .n_depths = d.n,
                        .np = w->np,
                        .rule = (const char *const *)d.rule,
                        .batch_size = cli->x->train.batch_size,
                        .network = network ? network->name : NULL};
    table.point = fl_alloc((size_t)(d.n * w->n_np) * sizeof *table.point);
    fl_status status = fill(&g, &d, &table);
    if (status == FL_OK) {
        char *text = w->json ? fl_what_if_json(&table) : fl_what_if_text(&table, fl_cli_columns());
        fputs(text, stdout);
        fl_free(text);
    }
    fl_free(table.point);
    close_depths(&d);
    fl_site_close(g.site);
    return status;
}
