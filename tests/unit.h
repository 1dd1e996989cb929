/* cmocka, with the headers that it wants before it in the order that it wants them. */
#ifndef FROSTLINE_TESTS_UNIT_H
#define FROSTLINE_TESTS_UNIT_H

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#endif
