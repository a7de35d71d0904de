/// A family of parsers, with what must hold for any bytes they are given.
enum FuzzTarget: String, CaseIterable {
    /// Chat messages, their events, chunk headers.
    case chat
    /// JSON values and offers.
    case json
    /// Sets of chunk numbers, beside a plain model of one.
    case ranges
    /// Base64, hexadecimal, percent-encoding, words and addresses.
    case text
    /// Configuration files, and changes of them.
    case toml
    /// Bodies of blocks and their transmissions.
    case block
    /// Commands and answers of the relay protocol.
    case command
    /// The hellos of a connection, the delivery window behind them, signed keys.
    case hello
    /// Relay addresses, queues, links and key agreement parameters as text.
    case link
    /// Agent envelopes and messages, key agreement parameters.
    case agent
    /// What is inside encrypted layers: SEND bodies, deliveries, blocks.
    case envelope
    /// Ratchet messages and stored ratchets.
    case ratchet
    /// The sender's machine: checkpoints, and events of all kinds.
    case sending
    /// The recipient's machine, and that of files inside messages.
    case receiving
    /// Manifests of folders.
    case manifest
    /// Certificates, chains of them, and their PEM form.
    case certificate

    /// Looks at one input; aborts if something does not hold.
    func check(_ bytes: [UInt8]) {
        switch self {
        case .chat: checkChat(bytes)
        case .json: checkJSON(bytes)
        case .ranges: checkRanges(bytes)
        case .text: checkText(bytes)
        case .toml: checkTOML(bytes)
        case .block: checkBlock(bytes)
        case .command: checkCommand(bytes)
        case .hello: checkHello(bytes)
        case .link: checkLink(bytes)
        case .agent: checkAgent(bytes)
        case .envelope: checkEnvelope(bytes)
        case .ratchet: checkRatchet(bytes)
        case .sending: checkSending(bytes)
        case .receiving: checkReceiving(bytes)
        case .manifest: checkManifest(bytes)
        case .certificate: checkCertificate(bytes)
        }
    }
}

/// The same bytes as a slice that does not start at 0, as parsers are given them.
func slice(_ bytes: [UInt8]) -> ArraySlice<UInt8> { ([0x2C, 0x20, 0x31] + bytes).dropFirst(3) }
