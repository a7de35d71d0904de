import TransferCore

/// A transfer that the user holds: nothing is taken from the relay, asked for or written meanwhile.
extension ReceiveRunner {
    /// Tells the machine that it begins.
    func begin() async {
        isBegun = true
        if isRestored { await apply(machine.handle(.resumed)) }
        await apply(machine.handle(.accepted) + machine.handle(.connected))
    }

    /// The user holds it, or lets it go on.
    func hold(_ on: Bool) async {
        guard isHeld != on else { return }
        isHeld = on
        if on {
            wasDirect = wasDirect || port.isUp
            meter = RateMeter()
            port.failed()
        } else {
            if !isBegun { await begin() }
            if wasDirect { await apply(machine.handle(.directBroke)) }
            wasDirect = false
        }
        await store()
        report()
    }
}

extension RunnerEvent {
    /// Whether it brings a receiving transfer on, or asks for what would: it waits while the user holds that.
    var moves: Bool {
        switch self {
        case .bulk, .storedChunk, .drained, .gap: true
        case .message(_, _, .cancel): false
        case .message: true
        case .delivered, .quota, .relay, .connectionFailed, .pause, .leave, .hold, .ended, .retry, .direct, .wrote,
            .synced:
            false
        }
    }
}
