# A peer on Mojolicious.
use Mojo::Base -strict;
use Mojo::IOLoop;
use Mojo::IOLoop::Stream;
use Mojo::Server::Daemon;
use Mojo::UserAgent;
use Mojo::Util qw(decode);
use Mojo::WebSocket qw(WS_BINARY WS_CONTINUATION WS_PING WS_PONG WS_TEXT);
use Mojolicious;

use constant {MAX => 1 << 25, PIECE => 1000};

$| = 1;
my @kept;    # servers and user agents

# send_piece sends the rest of a message, a frame at a time.
sub send_piece {
  my ($tx, $bytes, $op) = @_;
  my $piece = substr $bytes, 0, PIECE, '';
  my $last  = !length $bytes;
  $tx->send([$last ? 1 : 0, 0, 0, 0, $op, $piece], $last ? () : sub { send_piece($tx, $bytes, WS_CONTINUATION) });
}

# message sends one back; $kind is text or binary, $bytes what was in the frames.
sub message {
  my ($tx, $talk, $kind, $bytes) = @_;
  my ($name, $arg) = $kind eq 'text' && length $bytes < 200 ? $bytes =~ m{^/(fragments|ping|close) ?(.*)$}s : ();
  if (!$name) {
    return $tx->send({$kind => $bytes}) if !delete $talk->{fragments};
    return send_piece($tx, $bytes, $kind eq 'text' ? WS_TEXT : WS_BINARY);
  }
  return $talk->{fragments} = 1                      if $name eq 'fragments';
  return $tx->send([1, 0, 0, 0, WS_PING, $arg])      if $name eq 'ping';
  return $tx->finish($1, $2)                         if $arg =~ /^(\d+) ?(.*)$/s;
}

sub talk {
  my $tx   = shift;
  my $talk = {};
  $tx->max_websocket_size(MAX);
  say 'open ', $tx->protocol // '';
  $tx->on(text   => sub { message(shift, $talk, 'text',   shift) });
  $tx->on(binary => sub { message(shift, $talk, 'binary', shift) });
  $tx->on(frame  => sub {
    my ($tx, $frame) = @_;
    $tx->send("pong $frame->[5]") if $frame->[4] == WS_PONG;
  });
  $tx->on(finish => sub {
    my ($tx, $code, $reason) = @_;
    say 'closed ', $code, ' ', $reason // '';
  });
}

sub serve {
  my %o   = @_;
  my $app = Mojolicious->new;
  $app->log->level('error');
  $app->routes->websocket('/')->to(cb => sub {
    my $c = shift;
    $c->inactivity_timeout(120);
    $c->tx->with_protocols('chat');
    $c->tx->with_compression if $o{deflate};
    talk($c->tx);
    $c->rendered(101);
  });
  my $daemon = Mojo::Server::Daemon->new(app => $app, listen => ['http://127.0.0.1'], silent => 1);
  push @kept, $daemon->start;
  say 'listening ', $daemon->ports->[0];
}

sub connect_to {
  my ($url, %o) = @_;
  my $ua = Mojo::UserAgent->new(inactivity_timeout => 120, max_response_size => 0);
  $ua->ca($ENV{SSL_CERT_FILE}) if $ENV{SSL_CERT_FILE};
  push @kept, $ua;
  my $tx = $ua->build_websocket_tx($url, ['chat']);
  $tx->req->headers->sec_websocket_extensions('permessage-deflate') if $o{deflate};
  $ua->start($tx => sub {
    my ($ua, $tx) = @_;
    return say 'failed ', $tx->error ? $tx->error->{message} : $tx->res->code if !$tx->is_websocket;
    talk($tx);
  });
}

sub obey {
  my ($verb, @words) = split ' ', shift;
  if   ($verb eq 'serve') { serve(map { $_ => 1 } @words) }
  else                    { connect_to(shift @words, map { $_ => 1 } @words) }
}

if (@ARGV) { say Mojolicious->VERSION; exit }
my $lines = Mojo::IOLoop::Stream->new(\*STDIN)->timeout(0);
my $buffer = '';
$lines->on(read => sub {
  $buffer .= $_[1];
  obey($1) while $buffer =~ s/^(.*)\n//;
});
$lines->on(close => sub { exit 0 });    # with its parent
$lines->start;
Mojo::IOLoop->start;
