#pragma once
/// Everything an application needs; see provider.hpp to start.
#include <hybrid/encoding.hpp>
#include <hybrid/error.hpp>
#include <hybrid/params.hpp>
#include <hybrid/provider.hpp>
#include <hybrid/session.hpp>
