import AgentLink
import Database
import TLSTransport

extension EngineHost {
    /// How long the relays have to take the new keys; what they have not by then goes with the next run.
    private static let patience: Duration = .seconds(15)

    /// Renews the ratchets of all connections, and takes the database as the right one from then on: for a profile that was
    /// copied or restored.
    /// - Throws: `system` while an engine runs, `link`, `database`.
    public func rekey() async throws(EngineError) {
        guard let lock = try EngineLock.take(profile.lockPath) else {
            throw .system("sxfile is at work for this profile; stop it first")
        }
        let configuration = AgentLink.Configuration(
            servers: try profile.relays(), route: NetworkRoute(proxy: try profile.proxy()), bootID: Profile.bootID(),
            isBulk: { IncomingChunk.isBulk($0) })
        let link = AgentLink(database: profile.database, configuration: configuration, group: group, logger: logger)
        do throws(AgentLinkError) {
            try await link.start()
            try await link.rekey()
        } catch {
            await link.stop()
            throw .link(error)
        }
        // Only now: a crash before leaves the profile refused, as it was.
        try profile.adoptIdentity()
        await settle(link)
        await link.stop()
        release(lock)
    }

    private func settle(_ link: AgentLink) async {
        let start = ContinuousClock.now
        while ContinuousClock.now - start < Self.patience {
            let status = await link.status()
            if status.connecting == 0, status.outstanding == 0 { return }
            do { try await Task.sleep(for: .milliseconds(100)) } catch { return }
        }
    }

    private func release(_ lock: consuming EngineLock) { _ = consume lock }
}
