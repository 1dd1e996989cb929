/* What a step is foretold to take, against the formulas of cost.h worked out by hand, on any ranks
 * and nodes; and that the cost model counts messages as src/comm sends them. */
#include <math.h>
#include <stdio.h>

#include "comm/work.h"
#include "frostline/cost.h"
#include "scratch.h"

enum { LAYERS = 3, BUCKETS = 2, LONG = 3 << 18, BRIEF = 96 };
static const double fixed = 0.3, forward = 0.1, backward[] = {0, 0.4, 0.2}; /* of the layers */

/* One row a rank; the lowest layer is static, each of the others brings a bucket. */
static char names[LAYERS][8] = {"low", "middle", "top"};
static const fl_layer_ops dense = {.name = "dense"}, add = {.name = "add"};
static fl_model_layer layers[LAYERS] = {{.name = names[0], .ops = &dense},
                                        {.name = names[1], .ops = &dense},
                                        {.name = names[2], .ops = &dense}};
static const fl_model model = {.n_layers = LAYERS, .layer = layers};

typedef enum way { BLOCKING, OVERLAP, SHARDED, TREE } way;
typedef struct place {
    way way;
    int np, nodes;
    bool coded;
    double latency, slowdown, at_a_core;
    size_t floats[BUCKETS];
} place;
static const double rate = 1e7;

static fl_speeds *speeds_with(double sum, double update) {
    fl_text t = {0};
    fl_speeds *s;
    fl_text_add(&t, "{\"ranks\":2,\"nodes\":1,\"threads\":1,\"trainable_parameters\":1000,"
                    "\"payload_bytes\":4000,\"data_seconds_per_row\":null,\"layers\":[");
    for (int l = 0; l < LAYERS; l++)
        fl_text_add(&t, "%s{\"name\":\"%s\",\"flops_dx\":1,\"flops_dw\":1}", l ? "," : "",
                    layers[l].name);
    fl_text_add(&t,
                "],\"results\":[{\"rows\":1,\"update_seconds\":%g,\"sum_seconds\":%g,"
                "\"other_seconds\":0,\"layers\":[",
                update, sum);
    for (int l = 0; l < LAYERS; l++)
        fl_text_add(&t, "%s{\"static_seconds\":%g,\"forward_seconds\":%g,\"backward_seconds\":%g}",
                    l ? "," : "", fixed, forward, backward[l]);
    fl_text_add(&t, "]}]}");
    assert_int_equal(fl_speeds_open(scratch_file("speeds", t.s, t.len), &model, &s), FL_OK);
    fl_free(t.s);
    return s;
}

/* ---- a plan, and what comm says that it sends ---- */

static fl_traffic moved(const place *at, const fl_seat *seat, fl_span s) {
    fl_seat gradients = *seat;
    gradients.wire = at->coded ? FL_WIRE_BFLOAT16 : FL_WIRE_FLOAT32;
    if (at->way == TREE) return fl_foretell_fixed(seat, s.len);
    if (at->way != SHARDED) return fl_foretell(&gradients, FL_WINDOW_SLICE, s);
    fl_traffic t = fl_foretell(&gradients, FL_WINDOW_SCATTER, s),
               back = fl_foretell(seat, FL_WINDOW_GATHER, s);
    fl_traffic_add(&t, &back, 1);
    return t;
}

static void fill_traffic(const place *at, fl_plan *p) {
    int *node_of = fl_alloc((size_t)at->np * sizeof *node_of);
    fl_seat_spread(at->np, at->nodes, node_of);
    for (int r = 0; r < at->np; r++) {
        fl_seat seat = fl_seat_on(r, at->np, at->nodes, node_of);
        for (int i = 0; i < p->n_buckets; i++)
            p->traffic.bucket[i].sent += (double)moved(at, &seat, p->bucket[i].span).sent_bytes;
    }
    fl_free(node_of);
}

static fl_cost cost_with(const place *at, const fl_speeds *speeds) {
    fl_plan_layer layer[LAYERS] = {{.is_static = true}};
    fl_bytes bytes[BUCKETS] = {0};
    fl_bucket bucket[BUCKETS] = {{.ready = 2}, {.ready = 1}};
    fl_plan p = {.model = &model,
                 .conf = {.np = at->np, .batch_size = at->np, .accumulation = 1},
                 .layer = layer,
                 .n_buckets = at->floats[1] ? 2 : 1,
                 .bucket = bucket,
                 .traffic = {.bucket = bytes}};
    for (int l = 1; l < LAYERS; l++)
        layer[l] = (fl_plan_layer){.need = {true, true}, .flops_dx = 1, .flops_dw = 1};
    for (int i = 0; i < BUCKETS; i++) {
        bucket[i].span = (fl_span){p.n_trainable, at->floats[i]};
        p.n_trainable += at->floats[i];
    }
    if (p.n_buckets == 1) bucket[0].ready = 1;
    fill_traffic(at, &p);
    fl_network net = {.latency = at->latency, .bytes_per_second = rate, .slowdown = at->slowdown};
    fl_cost_of(&(fl_cost_conf){.nodes = at->nodes,
                               .network = &net,
                               .speeds = speeds,
                               .crowd = 1,
                               .at_a_core = at->at_a_core > 0 ? at->at_a_core : 1,
                               .shards = at->way == SHARDED,
                               .overlaps = at->way == OVERLAP || at->way == SHARDED,
                               .by_rank = at->way == TREE,
                               .coded = at->coded,
                               .keeps = true},
               &p);
    fl_free(p.cost.ready);
    p.cost.ready = NULL;
    return p.cost;
}

static fl_cost cost_of(place at) {
    fl_speeds *s = speeds_with(0, 0);
    fl_cost c = cost_with(&at, s);
    fl_speeds_close(s);
    return c;
}

static void assert_near(double got, double wanted) {
    if (fabs(got - wanted) > 1e-9 * fmax(1, fabs(wanted)))
        fail_msg("%.12g instead of %.12g", got, wanted);
}

/* Seconds in which the wire carries so many floats; control sums of a power of two of nodes. */
static double wire(double floats) {
    return floats * sizeof(float) / rate;
}
static double control(int nodes, double latency) {
    return log2(nodes) * latency;
}

/* ---- each reducer ---- */

/* Three quarters of a long bucket go to three other nodes, and as much comes back; a short one goes
 * whole to each. */
static void blocking_hides_nothing(void **state) {
    (void)state;
    const double a = 0.001;
    fl_cost c = cost_of((place){BLOCKING, 4, 4, .latency = a, .floats = {LONG, BRIEF}});
    double sums = 2 * a + wire(1.5 * LONG) + a + wire(3.0 * BRIEF);
    assert_near(c.reduce, sums);
    assert_near(c.reduce_exposed, sums + control(4, a));
    assert_near(c.step, fixed + 2 * forward + 0.6 + c.reduce_exposed);
    assert_near(c.cached_step, c.step - fixed);
    assert_near(c.ahead, 0);
}

/* Both set out at their time; the second's latency does not wait for the first's. */
static void overlap_leaves_what_is_late(void **state) {
    (void)state;
    const double a = 0.001, each = wire(LONG); /* 0.31 s: half to the other node, half back */
    fl_cost c = cost_of((place){OVERLAP, 2, 2, .latency = a, .floats = {LONG, LONG}});
    double left = each + 2 * a; /* the first has left the wire before backward ends, at 0.6 s */
    assert_true(0.2 + each < 0.6);
    assert_near(c.reduce, 2 * each + 2 * a);
    assert_near(c.ahead, fixed);
    assert_near(c.reduce_exposed, fmax(0, left - fixed) + a);
    assert_near(c.cached_step, 2 * forward + 0.6 + left + a);
    fl_cost shared =
        cost_of((place){OVERLAP, 2, 2, .latency = a, .at_a_core = 2, .floats = {LONG, LONG}});
    assert_near(shared.reduce_exposed - a, c.reduce - (c.reduce - (c.reduce_exposed - a)) / 2);
}

static void latencies_pass_at_once(void **state) {
    (void)state;
    const double a = 10;
    fl_cost one = cost_of((place){OVERLAP, 2, 2, .latency = a, .floats = {LONG}});
    fl_cost two = cost_of((place){OVERLAP, 2, 2, .latency = a, .floats = {LONG, LONG}});
    assert_near(two.reduce - one.reduce, wire(LONG));
    one = cost_of((place){BLOCKING, 2, 2, .latency = a, .floats = {LONG}});
    two = cost_of((place){BLOCKING, 2, 2, .latency = a, .floats = {LONG, LONG}});
    assert_near(two.reduce - one.reduce, wire(LONG) + 2 * a);
}

/* Backward hides the first bucket's gradients; the weights of both come after the update. */
static void sharded_sends_weights_after(void **state) {
    (void)state;
    const double a = 0.001, half = wire(LONG) / 2;
    fl_cost c = cost_of((place){SHARDED, 2, 2, .latency = a, .floats = {LONG, LONG}});
    double left = half + a;
    assert_true(half < 0.4);
    assert_near(c.reduce, 4 * half + 2 * a);
    assert_near(c.reduce_exposed, fmax(0, left - fixed) + 2 * half + a + a);
    assert_near(c.cached_step, 2 * forward + 0.6 + left + 2 * half + a + a);
}

static void coded_gradients_are_half(void **state) {
    (void)state;
    fl_cost c = cost_of((place){SHARDED, 2, 2, .coded = true, .floats = {LONG, LONG}});
    double scatter = wire(LONG) / 4, gather = wire(LONG) / 2;
    assert_near(c.cached_step, 2 * forward + 0.6 + scatter + 2 * gather);
    c = cost_of((place){BLOCKING, 2, 2, .coded = true, .latency = 1, .floats = {BRIEF}});
    assert_near(c.reduce, wire(BRIEF) / 2 + 2); /* what is coded is never short */
}

/* Two messages' time directly; by halves from 16 nodes, but for what is coded. */
static void many_nodes_go_by_halves(void **state) {
    (void)state;
    const int nodes[] = {8, 9, 16, 32};
    const double turns[] = {2, 2, 8, 10};
    for (size_t i = 0; i < FL_COUNT(nodes); i++) {
        int n = nodes[i];
        double bytes = wire(2.0 * (n - 1) / n * LONG);
        fl_cost late = cost_of((place){BLOCKING, n, n, .latency = 1, .floats = {LONG}});
        fl_cost ideal = cost_of((place){BLOCKING, n, n, .floats = {LONG}});
        assert_near(late.reduce - ideal.reduce, turns[i]);
        assert_true(fabs(ideal.reduce / bytes - 1) < 1e-3); /* parts meet at cache lines */
        late = cost_of((place){SHARDED, n, n, .latency = 1, .floats = {LONG}});
        ideal = cost_of((place){SHARDED, n, n, .floats = {LONG}});
        assert_near(late.reduce - ideal.reduce, turns[i]);
    }
    fl_cost late = cost_of((place){BLOCKING, 16, 16, true, .latency = 1, .floats = {LONG}});
    fl_cost ideal = cost_of((place){BLOCKING, 16, 16, true, .floats = {LONG}});
    assert_near(late.reduce - ideal.reduce, 2);
}

/* ---- the tree ---- */

/* Halves there and back at each distance between nodes; ranks beyond a power of two lend all they
 * have, and wait for it. The link carries what all ranks of the busiest node send. */
static void tree_goes_by_distances(void **state) {
    (void)state;
    const struct {
        int np, nodes;
        double turns, floats; /* of a piece of one float */
    } of[] = {
        {2, 2, 2, 1},   {4, 4, 4, 1.5}, {8, 8, 6, 1.75}, {4, 2, 2, 2}, {8, 2, 2, 4},
        {8, 4, 4, 3},   {3, 3, 4, 3},   {5, 5, 6, 3.5},  {6, 3, 4, 6}, /* 4 and 5 lend to 0 and 1 */
        {5, 2, 6, 3.5}, /* 0 1 2 | 3 4: 4 to 0, 1 and 3, 2 and 3 */
    };
    for (size_t i = 0; i < FL_COUNT(of); i++) {
        place at = {TREE, of[i].np, of[i].nodes, .floats = {LONG}};
        fl_cost ideal = cost_of(at);
        at.latency = 1;
        assert_near(cost_of(at).reduce - ideal.reduce, of[i].turns);
        assert_near(ideal.reduce, wire(of[i].floats * LONG));
        assert_near(ideal.ahead, 0);
    }
}

static void tree_goes_piece_by_piece(void **state) {
    (void)state;
    fl_cost one = cost_of((place){TREE, 4, 4, .latency = 10, .floats = {FL_SUM_WORK}});
    fl_cost two = cost_of((place){TREE, 4, 4, .latency = 10, .floats = {FL_SUM_WORK + 8}});
    assert_near(two.reduce - one.reduce, 4 * 10 + wire(1.5 * 8));
}

/* ---- several ranks a node ---- */

/* Each of a node's k ranks sends a kth of what crosses, and that slows its computing; the longer
 * backward in turn hides more. */
static void ranks_share_what_slows_them(void **state) {
    (void)state;
    const double ns = 3e-8;
    for (int k = 1; k <= 4; k *= 2)
        for (int nodes = 2; nodes <= 4; nodes++) {
            place at = {OVERLAP, k * nodes, nodes, .floats = {LONG, LONG}};
            fl_cost free = cost_of(at);
            at.slowdown = ns;
            fl_cost slow = cost_of(at);
            double of_node = 2.0 * (nodes - 1) / nodes * 2 * LONG * sizeof(float),
                   lost = of_node / k * ns, got = slow.backward + slow.fixed - 0.9;
            assert_true(fabs(got / lost - 1) < 1e-3); /* parts meet at cache lines */
            assert_near(slow.backward / free.backward, slow.fixed / free.fixed);
            at.way = BLOCKING;
            assert_near(cost_of(at).backward, 0.6);
        }
}

/* What is sent after the update has no computing to slow. */
static void weights_slow_nothing(void **state) {
    (void)state;
    place at = {OVERLAP, 2, 2, .slowdown = 1e-8, .floats = {LONG}};
    double all = cost_of(at).backward - 0.6;
    at.way = SHARDED;
    assert_near(cost_of(at).backward - 0.6, all / 2);
}

/* Bytes that are under way when computing has ended slow it no more: of the 0.9 s, as of what they
 * become, the network takes a quarter. */
static void waiting_is_not_slowed(void **state) {
    (void)state;
    place at = {OVERLAP, 2, 2, .slowdown = 0.25 / rate, .floats = {40 * LONG}};
    fl_cost c = cost_of(at);
    assert_true(wire(40.0 * LONG) > 0.9 / 0.75);
    assert_near(c.backward + c.fixed, 0.9 / 0.75);
}

/* Of 3 ms for 1000 floats; an update of 1000 floats by two ranks took 4 ms. */
static void nodes_add_and_update_what_they_have(void **state) {
    (void)state;
    fl_speeds *s = speeds_with(0.003, 0.004);
    place at = {OVERLAP, 4, 2, .floats = {LONG}};
    fl_cost with = cost_with(&at, s), without = cost_of(at);
    assert_near(with.reduce - without.reduce, 0.003 * LONG / 1000);
    assert_near(with.reduce_exposed - without.reduce_exposed, 0.003 * LONG / 1000);
    assert_near(with.update, 0.004 * 2 * LONG / 1000 / 2);
    at.way = SHARDED; /* each of four ranks a quarter */
    assert_near(cost_with(&at, s).update, 0.004 * 2 * LONG / 1000 / 4);
    at = (place){OVERLAP, 2, 2, .floats = {LONG}}; /* alone on its node there is nothing to add */
    assert_near(cost_with(&at, s).reduce, cost_of(at).reduce);
    fl_speeds_close(s);
}

/* ---- as src/comm counts ---- */

static void messages_are_those_of_comm(void **state) {
    (void)state;
    for (int n = 2; n < 200; n++) {
        double turns = fl_crew_halves(n) ? 2 * log2(n) : 1;
        assert_near(fl_network_turns(n, FL_SHORT), turns);
        assert_near(fl_network_turns(n, FL_SHORT + 1), fl_crew_halves(n) ? turns : 2);
    }
    assert_near(fl_network_turns(1, 100), 0);
    for (int k = 1; k <= 3; k++) { /* a slice is a kth of a bucket */
        size_t most = FL_SHORT * (size_t)k;
        place at = {BLOCKING, 2 * k, 2, .floats = {most}}, more = at;
        more.floats[0]++;
        double ideal = cost_of(at).reduce, ideal_more = cost_of(more).reduce;
        at.latency = more.latency = 1;
        assert_near(cost_of(at).reduce - ideal, 1);
        assert_near(cost_of(more).reduce - ideal_more, 2);
    }
}

static void control_sums_double(void **state) {
    (void)state;
    const int nodes[] = {2, 3, 4, 7, 8};
    const double turns[] = {1, 1 + 2, 2, 2 + 2, 3};
    for (size_t i = 0; i < FL_COUNT(nodes); i++) {
        place at = {BLOCKING, nodes[i], nodes[i], .latency = 1, .floats = {BRIEF}};
        fl_cost c = cost_of(at);
        assert_near(c.reduce_exposed - c.reduce, turns[i]);
    }
}

static void networks(void **state) {
    (void)state;
    fl_network n;
    assert_int_equal(fl_network_open("1gbti", true, &n), FL_ERR_CONFIG);
    assert_message("'1gbti'", "25gbit, measured, or a file");
    assert_int_equal(fl_network_open("measured", false, &n), FL_ERR_CONFIG);
    assert_message("'measured'", "25gbit, or a file");
    assert_int_equal(fl_network_open("25gbit", false, &n), FL_OK);
    assert_true(n.bytes_per_second > 2.9e9 && n.bytes_per_second < 25e9 / 8 && n.slowdown == 0);
    const char text[] = "{\"nodes\": 3, \"latency_seconds\": 1e-5, \"bytes_per_second\": 1e8, "
                        "\"slowdown_seconds_per_byte\": 1e-9}";
    assert_int_equal(fl_network_open(scratch_file("net", text, strlen(text)), false, &n), FL_OK);
    assert_true(n.nodes == 3 && n.latency == 1e-5 && n.bytes_per_second == 1e8);
    assert_true(n.slowdown == 1e-9);
    assert_string_equal(n.name, "net");
    const char lacks[] = "{\"latency_seconds\": 1e-5}";
    assert_int_equal(fl_network_open(scratch_file("bad", lacks, strlen(lacks)), false, &n),
                     FL_ERR_INPUT);
    assert_message("bad", "bytes_per_second");
}

/* ---- whose speeds they are ---- */

static void speeds_are_of_one_net(void **state) {
    (void)state;
    fl_speeds *s = speeds_with(0, 0);
    fl_param weight = {.len = 3};
    fl_model other = model;
    fl_model_layer changed[LAYERS + 1];
    memcpy(changed, layers, sizeof layers);
    changed[LAYERS] = layers[0];
    other.layer = changed;
    other.param = &weight;
    assert_true(fl_speeds_fit(s, &model) && fl_speeds_fit(s, &other));
    for (int change = 0; change < 5; change++) {
        memcpy(changed, layers, sizeof layers);
        other.n_layers = change == 0 ? LAYERS + 1 : LAYERS;
        if (change == 1) changed[1].name = names[0];
        if (change == 2) changed[1].ops = &add;
        if (change == 3) changed[1].shape = (fl_shape){1, {5}};
        if (change == 4) changed[1].n_params = 1;
        assert_false(fl_speeds_fit(s, &other));
    }
    fl_speeds_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speeds_are_of_one_net),
        cmocka_unit_test(blocking_hides_nothing),
        cmocka_unit_test(overlap_leaves_what_is_late),
        cmocka_unit_test(latencies_pass_at_once),
        cmocka_unit_test(sharded_sends_weights_after),
        cmocka_unit_test(coded_gradients_are_half),
        cmocka_unit_test(many_nodes_go_by_halves),
        cmocka_unit_test(tree_goes_by_distances),
        cmocka_unit_test(tree_goes_piece_by_piece),
        cmocka_unit_test(ranks_share_what_slows_them),
        cmocka_unit_test(weights_slow_nothing),
        cmocka_unit_test(waiting_is_not_slowed),
        cmocka_unit_test(nodes_add_and_update_what_they_have),
        cmocka_unit_test(messages_are_those_of_comm),
        cmocka_unit_test(control_sums_double),
        cmocka_unit_test(networks),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
