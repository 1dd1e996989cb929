/* Which name was meant, and which names a pattern means. */
#include <fnmatch.h>
#include <string.h>

#include "frostline/base.h"

enum { MAX_WORD = 96 };

static size_t min3(size_t a, size_t b, size_t c) {
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Damerau's distance with adjacent swaps (optimal string alignment), on the first MAX_WORD bytes.
 */
static size_t distance(const char *a, const char *b) {
    size_t rows[3][MAX_WORD + 1];
    size_t na = strnlen(a, MAX_WORD), nb = strnlen(b, MAX_WORD);
    for (size_t j = 0; j <= nb; j++) rows[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && above2[j - 2] + 1 < row[j]) row[j] = above2[j - 2] + 1;
        }
    }
    return rows[na % 3][nb];
}

/* A word that is the whole tail or head of the other ("until" in "freeze_until") is near, too. */
static bool shares_end(const char *a, const char *b) {
    size_t na = strlen(a), nb = strlen(b);
    if (na > nb) return shares_end(b, a);
    return na >= 4 && (strncmp(a, b, na) == 0 || strcmp(a, b + nb - na) == 0);
}

const char *fl_nearest(const char *word, const char *const *candidates, size_t n) {
    const char *best = NULL, *end = NULL;
    size_t limit = strlen(word) / 3 + 1, least = limit + 1;
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(word, candidates[i]);
        if (d < least && d < strlen(candidates[i])) {
            least = d;
            best = candidates[i];
        }
        if (!end && shares_end(word, candidates[i])) end = candidates[i];
    }
    return best ? best : end;
}

bool fl_glob(const char *pattern, const char *name) {
    return fnmatch(pattern, name, 0) == 0;
}
