import AgentLink
import ChatProtocol
import DirectLane
import Logging

/// What the runners of both sides do to meet.
protocol DirectRunner: Actor {
    nonisolated var transfer: Transfer { get }
    nonisolated var connection: ConnectionID { get }
    nonisolated var context: RunContext { get }
    nonisolated var inbox: AsyncStream<RunnerEvent>.Continuation { get }
    var port: DirectPort { get set }
    /// Whether a direct connection is of use now.
    var mayMeet: Bool { get }
    /// This side's part in a new rendezvous.
    var directRole: DirectRendezvous.Role { get }
    /// What was under way on the direct lane is not any more.
    func dropDirect() async
}

extension DirectRunner {
    /// Says x.file.direct, if it is time for that.
    func offerDirectly() async {
        guard mayMeet, port.isDue, await context.isFresh(connection) else { return }
        await sayDirect()
    }

    /// Listens, and says so.
    /// - Parameter answered: the identity in the x.file.direct that this is the answer to.
    func sayDirect(answering answered: [UInt8]? = nil) async {
        await dropDirect()
        var offer = port.open(directRole) { [inbox] in inbox.yield(.direct($0, $1)) }
        offer.answers = answered
        context.logger.debug("transfer \(transfer.id): listening on \(port.rendezvous?.endpoints ?? [])")
        await say(offer)
    }

    /// The other side listens.
    func take(_ offer: DirectOffer) async {
        guard mayMeet, await context.isFresh(connection) else { return }
        switch port.reply(to: offer) {
        case .none: return
        case .dial: break
        case .answer(let again): await say(again)
        case .open: await sayDirect(answering: offer.identity)
        }
        port.dial(offer)
    }

    /// The direct connection is over.
    func directEnded(_ error: DirectError?) async {
        context.logger.debug("the direct connection of transfer \(transfer.id) ended: \(error?.description ?? "")")
        await dropDirect()
        port.failed()
    }

    private func say(_ offer: DirectOffer) async {
        do { try await context.link.send(ChatText.direct(offer), on: connection) } catch {
            context.logger.debug("x.file.direct not sent: \(error)")
            port.failed()
        }
    }
}
