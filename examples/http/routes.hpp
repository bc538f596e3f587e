// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What the server has to offer.

namespace http {

class exchange;

/// Answers with what the path names, or with 404, or 405.
void route(exchange& x);

}  // namespace http
