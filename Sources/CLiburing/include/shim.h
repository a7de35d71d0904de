#pragma once
// Before <liburing.h>: any target that also sees SystemPackage would fail with a redefinition otherwise.
#include <linux/io_uring.h>
#include <liburing.h>
