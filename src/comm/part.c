/* How a span is cut. */
#include "comm/work.h"

/* What is halved gets into small messages at the end, and takes many stages: longer flights. */
enum { LINE_FLOATS = 16, FLIGHT_FLOATS = 1 << 16, HALVED_FLOATS = 1 << 18 };

int fl_direct_crew = 8;

bool fl_crew_halves(int ranks) {
    return ranks > fl_direct_crew && (ranks & (ranks - 1)) == 0;
}

fl_span fl_part_of(fl_span s, int k, int n) {
    size_t first = s.off / LINE_FLOATS * LINE_FLOATS, end = s.off + s.len;
    size_t lines = (end - first + LINE_FLOATS - 1) / LINE_FLOATS;
    size_t each = (lines + (size_t)n - 1) / (size_t)n * LINE_FLOATS;
    size_t from = first + each * (size_t)k, to = from + each;
    if (from < s.off) from = s.off;
    if (to > end) to = end;
    return k < n && from < to ? (fl_span){from, to - from} : (fl_span){end, 0};
}

size_t fl_piece_of(int parts) {
    bool halved = fl_crew_halves(parts);
    size_t piece = (size_t)(halved ? HALVED_FLOATS : FLIGHT_FLOATS) / (size_t)parts;
    if (!halved && piece > FL_LONGEST_MESSAGE) piece = FL_LONGEST_MESSAGE;
    return piece > FL_SHORT ? piece : FL_SHORT;
}
