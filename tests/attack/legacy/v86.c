#include "tests/attack/legacy/legacy.h"
void group_v86(void) {}
void group_segments(void) {}
