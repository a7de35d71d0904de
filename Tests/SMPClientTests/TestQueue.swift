import NIOCore
import NIOPosix
import Primitives
import SMPClient
import SMPProtocol

/// A queue and its keys.
struct TestQueue {
    let ids: ServerResponse.QueueIDs
    let recipient: Authorization
    let sender: Authorization
    let senderKey: AuthKey
    let box: BoxKey

    /// Makes one that is received from over `client`, with keys that sign or that agree.
    static func make(
        _ client: SMPClient, signing: Bool, password: String? = nil, isSenderSecured: Bool = true
    ) async throws -> TestQueue {
        let (recipient, recipientKey) = key(signing)
        let (sender, senderKey) = key(signing)
        let agreement = X25519PrivateKey()
        let new = ClientCommand.NewQueue(
            recipientKey: recipientKey, agreementKey: agreement.publicKey, password: password,
            isSenderSecured: isSenderSecured)
        let answer = try await client.perform(.new(new), entity: [], authorization: recipient)
        guard case .ids(let ids) = answer else { throw UnexpectedAnswer(name: answer.name) }
        return TestQueue(
            ids: ids, recipient: recipient, sender: sender, senderKey: senderKey,
            box: try BoxKey(agreement, ids.serverKey))
    }

    static func key(_ signing: Bool) -> (Authorization, AuthKey) {
        if signing {
            let key = Ed25519PrivateKey()
            return (.ed25519(key), .ed25519(key.publicKey))
        }
        let key = X25519PrivateKey()
        return (.x25519(key), .x25519(key.publicKey))
    }

    /// The next message or quota mark of this queue, not acknowledged yet.
    func next(_ pushes: inout AsyncStream<SMPPush>.Iterator) async throws -> (id: [UInt8], content: Delivery) {
        guard let push = await pushes.next(), push.entity == ids.recipientID,
            case .message(let id, let sealed) = push.event
        else { throw UnexpectedAnswer(name: "another push") }
        return (id, try Delivery.open(sealed, key: box, messageID: id))
    }

    func send(_ body: [UInt8], over client: SMPClient) -> EventLoopFuture<ServerResponse> {
        client.submit(.send(notify: false, body: body[...]), entity: ids.senderID, authorization: sender)
    }

    func acknowledge(_ id: [UInt8], over client: SMPClient) async throws -> ServerResponse {
        try await client.perform(.acknowledge(id[...]), entity: ids.recipientID, authorization: recipient)
    }

    func subscribe(over client: SMPClient) async throws -> ServerResponse {
        try await client.perform(.subscribe, entity: ids.recipientID, authorization: recipient)
    }

    func secure(over client: SMPClient) async throws -> ServerResponse {
        try await client.perform(.secureBySender(senderKey), entity: ids.senderID, authorization: sender)
    }
}

struct UnexpectedAnswer: Error { let name: String }

func connect(
    _ server: SMPServer, versions: ClosedRange<UInt16> = SMP.clientVersions, encryptsBlocks: Bool = true
) async throws -> SMPClient {
    try await SMPClient.connect(
        to: server, on: MultiThreadedEventLoopGroup.singleton, versions: versions, encryptsBlocks: encryptsBlocks,
        logger: quiet)
}
