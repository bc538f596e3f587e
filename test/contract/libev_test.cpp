// SPDX-License-Identifier: MIT
#include "backend/libev/libev_backend.hpp"
#include "test/contract/host.hpp"

namespace motet::contract {
namespace {

const registered usual("libev", [] { return make_libev_backend(); });

}  // namespace
}  // namespace motet::contract
