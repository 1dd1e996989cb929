/* product.h: the register kernel of every product with packed weights (Goto & van de Geijn 2008).
 *
 * A tile is MR rows, each a target pixel, by the one or two vectors of a panel of columns. For each
 * step of the depth one vector row of the panel is loaded and one number of each row broadcast. A
 * row is not contiguous: its depth is `segments` stretches of `length`, each at a pointer of its
 * own (one for each tap of a window; at zeros outside of the image).
 *
 * Packed: the columns in panels of NR, the last of VW if that is enough; each (depth, width). */
#ifndef FROSTLINE_KERNEL_ISA_PRODUCT_H
#define FROSTLINE_KERNEL_ISA_PRODUCT_H

#include "kernel/isa/vec.h"

typedef struct depth { /* of a product */
    int segments, length;
} depth;

static inline int panels_of(int columns) {
    return ceil_div(columns, NR);
}
static inline int panel_width(int columns, int panel) {
    return columns - panel * NR > VW ? NR : VW;
}
static inline size_t packed_columns(int columns) {
    return (size_t)ceil_div(columns, VW) * VW;
}

/* The columns that a product takes the time of: a panel of one vector is bound by its broadcasts.
 */
static inline double columns_in_time(int columns) {
    int rest = columns % NR;
    return columns - rest + (rest > VW ? NR : rest > 0 ? 1.6 * VW : 0);
}

/* Row k of all panels of a matrix of `columns` columns, depth rows in all. */
static inline void pack_row(int columns, size_t deep, size_t k, const float *row, float *packed) {
    for (int p = 0; p < panels_of(columns); p++) {
        int width = panel_width(columns, p), n = min_int(columns - p * NR, width);
        float *to = packed + p * NR * deep + k * width;
        for (int i = 0; i < width; i++) to[i] = i < n ? row[p * NR + i] : 0;
    }
}

typedef struct tile {
    depth d;
    const float *const *source; /* (segments, MR) */
    const float *panel;
    int rows; /* that exist, ≤ MR; there are MR sources in any case */
    int column,
        columns; /* the panel's first; those of the whole target, which end its last panel */
    const fl_epilogue *e;
    bool past;            /* the caches: targets are aligned, columns are whole vectors */
    float *const *target; /* (rows): pixels; columns [column, …) of them are written */
} tile;

#define product_tile FL_ISA(fl_product_tile)
void product_tile(const tile *t);

#endif
